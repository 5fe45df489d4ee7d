import { expect, test } from "vitest";
import { createTidying } from "../../../src/daemon/tidying.ts";
import { createFakeClock } from "../../support/fake-clock.ts";

function tidying() {
  const clock = createFakeClock();
  const facts = { busy: false, collections: 0 };
  const tidy = createTidying(
    clock,
    () => facts.busy,
    () => facts.collections++,
  );
  return { clock, facts, tidy };
}

test("collects once when it has been quiet after the last work", async () => {
  const { clock, facts, tidy } = tidying();
  for (let package_ = 0; package_ < 5; package_++) {
    tidy.soon();
    await clock.advance(7_000);
  }
  expect(facts.collections).toBe(0);
  await clock.advance(60_000);
  expect(facts.collections).toBe(1);
});

test("waits while something runs", async () => {
  const { clock, facts, tidy } = tidying();
  facts.busy = true;
  tidy.soon();
  await clock.advance(60_000);
  expect(facts.collections).toBe(0);
  facts.busy = false;
  await clock.advance(8_000);
  expect(facts.collections).toBe(1);
});

test("does nothing any more once it is stopped", async () => {
  const { clock, facts, tidy } = tidying();
  tidy.soon();
  tidy.stop();
  tidy.soon();
  await clock.advance(60_000);
  expect(facts.collections).toBe(0);
});

test("can collect in this Node", async () => {
  const clock = createFakeClock();
  createTidying(clock, () => false).soon();
  await clock.advance(8_000);
});
