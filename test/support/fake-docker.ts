import { type FakeAnswer, type FakeAnswers, type FakePrograms, fakePrograms } from "./fake-programs.ts";

export type { FakeAnswer };

/** Puts a fake `docker` alone first on PATH until the running test ends; its calls are listed without the program's name. */
export function fakeDocker(answers: FakeAnswers): FakePrograms {
  const programs = fakePrograms({ docker: answers });
  return { ...programs, calls: () => programs.calls().map((call) => call.slice("docker ".length)) };
}
