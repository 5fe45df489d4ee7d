export interface Tail {
  add(text: string): void;
  /** The kept end, from the beginning of a line on, and how many bytes before it were dropped. Leaves the tail empty. */
  take(): { text: string; lost: number };
}

/** Keeps the last `max` bytes of a text, about, in constant memory. */
export function createTail(max: number): Tail {
  /** Small writes are joined, so that there are few pieces to keep. */
  const pieceSize = Math.max(1, Math.floor(max / 64));
  let pieces: { text: string; size: number }[] = [];
  let size = 0;
  let lost = 0;

  return {
    add(text) {
      if (text === "") return;
      const added = Buffer.byteLength(text);
      const last = pieces.at(-1);
      if (last && last.size < pieceSize) {
        last.text += text;
        last.size += added;
      } else {
        pieces.push({ text, size: added });
      }
      size += added;
      while (pieces.length > 1 && size - pieces[0]!.size >= max) {
        const dropped = pieces.shift()!;
        size -= dropped.size;
        lost += dropped.size;
      }
    },
    take() {
      let text = pieces.map((piece) => piece.text).join("");
      let dropped = lost;
      if (size > max || lost > 0) {
        const bytes = Buffer.from(text);
        const from = Math.max(0, bytes.length - max);
        const lineStart = bytes.indexOf(10, from) + 1;
        dropped += lineStart;
        text = bytes.subarray(lineStart).toString("utf8");
      }
      pieces = [];
      size = 0;
      lost = 0;
      return { text, lost: dropped };
    },
  };
}
