import * as pulumi from "@pulumi/pulumi";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { parseConfig, readStackConfig } from "../../../infra/config/read.ts";

test("reads this project's keys alone, and takes lists and objects apart, which Pulumi gives as text", () => {
  pulumi.runtime.setAllConfig({
    "thoth-letta:projects": '["thoth","notes"]',
    "thoth-letta:ports": '{"gateway":9000}',
    "thoth-letta:maxRequestMiB": "20",
    "thoth-letta:subnet": "172.30.0.0/16",
    "thoth-letta:vault": "~/vault",
    "other:key": "1",
    "thoth-letta-more:key": "1",
  });
  expect(readStackConfig()).toEqual({
    projects: ["thoth", "notes"],
    ports: { gateway: 9000 },
    maxRequestMiB: "20",
    subnet: "172.30.0.0/16",
    vault: "~/vault",
  });
});

describe("a value gets the type of its key", () => {
  const schema = z.strictObject({
    text: z.string(),
    list: z.array(z.string()),
    inside: z.strictObject({ number: z.number(), whole: z.int(), flag: z.boolean() }),
  });
  const usual = { text: "t", list: ["l"], inside: { number: 1, whole: 1, flag: true } };
  const parse = (raw: object) => parseConfig(schema, { ...usual, ...raw }, "letta");

  test("text that looks like a number stays as it was written", () => {
    pulumi.runtime.setAllConfig({ "thoth-letta:text": "17.10" });
    expect(parse(readStackConfig()).text).toBe("17.10");
  });

  test("a number or word where text is meant is text", () => {
    expect(parse({ text: 20260304, list: [7, true] })).toMatchObject({ text: "20260304", list: ["7", "true"] });
  });

  test("text is a number or true/false where that is meant", () => {
    const inside = { number: "0.5", whole: "15432", flag: "false" };
    expect(parse({ inside }).inside).toEqual({ number: 0.5, whole: 15432, flag: false });
  });

  test.each([
    [{ text: 2 ** 60 }, "text: "],
    [{ text: ["x"] }, "text: "],
    [{ text: null }, "text: "],
    [{ inside: { ...usual.inside, whole: "0.5" } }, "inside.whole: "],
    [{ inside: { ...usual.inside, number: "" } }, "inside.number: "],
    [{ inside: { ...usual.inside, number: "1g" } }, "inside.number: "],
    [{ inside: { ...usual.inside, flag: "yes" } }, "inside.flag: "],
    [{ inside: 7 }, "inside: "],
  ])("but not in %j", (raw, expected) => {
    expect(() => parse(raw)).toThrow(`1 mistake in Pulumi.letta.yaml:\n  - thoth-letta:${expected}`);
  });
});
