import { once } from "node:events";
import { connect, type Socket } from "node:net";

/**
 * One kept connection to the daemon's socket, for one request after the other. It shares the processors with what it
 * measures: it looks for the end of an answer and leaves the rest of it alone.
 */
export interface Connection {
  /** Resolves to the body. Rejects unless the answer is 200, or when the daemon goes away. */
  get(path: string): Promise<string>;
  /** The same for 201. */
  post(path: string, body: string): Promise<string>;
  close(): void;
}

export async function openConnection(socketPath: string): Promise<Connection> {
  const socket = connect(socketPath);
  socket.setEncoding("latin1");
  await once(socket, "connect");
  return {
    get(path) {
      socket.write(`GET /api/v1${path} HTTP/1.1\r\nhost: bench\r\n\r\n`);
      return answerOf(socket, "200");
    },
    post(path, body) {
      const head = `POST /api/v1${path} HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\n`;
      socket.write(`${head}content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
      return answerOf(socket, "201");
    },
    close: () => socket.destroy(),
  };
}

function answerOf(socket: Socket, status: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = "";
    let bodyAt: number | undefined;
    let end = 0;
    const settle = (act: () => void) => {
      socket.off("data", received);
      socket.off("close", lost);
      act();
    };
    const lost = () => settle(() => reject(new Error("the daemon went away in the middle of an answer")));
    const received = (piece: string) => {
      text += piece;
      if (bodyAt === undefined) {
        const headEnd = text.indexOf("\r\n\r\n");
        if (headEnd < 0) return;
        bodyAt = headEnd + 4;
        end = bodyAt + Number(/content-length: (\d+)/i.exec(text)?.[1]);
      }
      if (text.length < end) return;
      const body = text.slice(bodyAt);
      if (text.startsWith(`HTTP/1.1 ${status}`)) settle(() => resolve(body));
      else settle(() => reject(new Error(`the daemon refused: ${body}`)));
    };
    socket.on("data", received);
    socket.on("close", lost);
  });
}

/** A batch of equal requests, as one body. */
export function batchOf(workflow: string, count: number, params: object = {}): string {
  return JSON.stringify({ runs: Array.from({ length: count }, () => ({ workflow, params })) });
}
