import { connect, type Socket } from "node:net";
import { once } from "node:events";

/**
 * One kept connection to the daemon's socket, for one request after the other. It shares the processors with what it
 * measures: it looks for the end of an answer and leaves the rest of it alone.
 */
export interface Connection {
  /** Resolves to the body. Rejects unless the answer is 201, or when the daemon goes away. */
  post(path: string, body: string): Promise<string>;
  close(): void;
}

export async function openConnection(socketPath: string): Promise<Connection> {
  const socket = connect(socketPath);
  socket.setEncoding("latin1");
  await once(socket, "connect");
  return {
    post(path, body) {
      const head = `POST /api/v1${path} HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\n`;
      socket.write(`${head}content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
      return answerOf(socket);
    },
    close: () => socket.destroy(),
  };
}

function answerOf(socket: Socket): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = "";
    let bodyAt = 0;
    let end = Infinity;
    const settle = (act: () => void) => {
      socket.off("data", received);
      socket.off("close", lost);
      act();
    };
    const lost = () => settle(() => reject(new Error("the daemon went away in the middle of an answer")));
    const received = (piece: string) => {
      text += piece;
      if (bodyAt === 0) {
        bodyAt = text.indexOf("\r\n\r\n") + 4;
        if (bodyAt < 4) return void (bodyAt = 0);
        end = bodyAt + Number(/content-length: (\d+)/i.exec(text)?.[1]);
      }
      if (text.length < end) return;
      const body = text.slice(bodyAt);
      if (text.startsWith("HTTP/1.1 201")) settle(() => resolve(body));
      else settle(() => reject(new Error(`the daemon refused: ${body}`)));
    };
    socket.on("data", received);
    socket.on("close", lost);
  });
}

/** A batch of equal requests, as one body. */
export function batchOf(workflow: string, count: number): string {
  return JSON.stringify({ runs: Array.from({ length: count }, () => ({ workflow, params: {} })) });
}
