import { describe } from "vitest";
import { servedSocket } from "../support/served-socket.ts";
import { describeApplication } from "./application.contract.ts";

describe("the application itself", () => {
  describeApplication(async (room) => room.application);
});

describe("the application over its socket", () => {
  describeApplication(async (room) => (await servedSocket(room.application)).client);
});
