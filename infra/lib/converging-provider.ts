import type { dynamic } from "@pulumi/pulumi";

/** A resource that the same idempotent step brings to its wanted state, the first time and every time. */
export interface Convergence<Inputs, Extra extends object> {
  /** The resource's id in the state. */
  id(inputs: Inputs): string;
  /** True when there is nothing to do: the inputs have not changed, and the world is as they want it. */
  isCurrent(olds: Inputs & Extra, news: Inputs): boolean | Promise<boolean>;
  /** Brings the world to the wanted state and returns the outputs that are not inputs; `olds` are absent the first time. */
  ensure(inputs: Inputs, olds?: Inputs & Extra): Promise<Extra> | Promise<void>;
  /** Inputs whose change replaces the resource. Default: none. */
  readonly replaceOn?: readonly (keyof Inputs & string)[];
  /** Default: what was made stays, since most resources here stand for data. */
  remove?(outputs: Inputs & Extra): Promise<void>;
}

/** The dynamic provider of a {@link Convergence}. */
export function convergingProvider<Inputs extends object, Extra extends object>(
  convergence: Convergence<Inputs, Extra>,
): dynamic.ResourceProvider<Inputs, Inputs & Extra> {
  const { id, isCurrent, ensure, replaceOn = [], remove } = convergence;
  return {
    async diff(_id, olds, news) {
      const replaces = replaceOn.filter((key) => olds[key] !== news[key]);
      if (replaces.length > 0) return { changes: true, replaces };
      return { changes: !(await isCurrent(olds, news)) };
    },
    async create(inputs) {
      return { id: id(inputs), outs: { ...inputs, ...(await ensure(inputs)) } };
    },
    async update(_id, olds, news) {
      return { outs: { ...news, ...(await ensure(news, olds)) } };
    },
    async delete(_id, outputs) {
      await remove?.(outputs);
    },
  };
}

/** True if these inputs are equal, compared as JSON. */
export function haveSame<Inputs extends object>(olds: Inputs, news: Inputs, keys: readonly (keyof Inputs)[]): boolean {
  return keys.every((key) => JSON.stringify(olds[key]) === JSON.stringify(news[key]));
}
