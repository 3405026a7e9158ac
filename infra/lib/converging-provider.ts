import type { dynamic } from "@pulumi/pulumi";

/** A resource that is brought to its wanted state by one and the same idempotent step, the first time and every time. */
export interface Convergence<Inputs, Extra extends object> {
  /** The resource's id in the state. */
  id(inputs: Inputs): string;
  /** True when nothing is to be done: the inputs are the old ones, and the world is as they want it. */
  isCurrent(olds: Inputs & Extra, news: Inputs): boolean | Promise<boolean>;
  /** Brings the world to the wanted state; what it returns are outputs beside the inputs. */
  ensure(inputs: Inputs): Promise<Extra> | Promise<void>;
  /** Names of inputs whose change makes it another resource. Default: none. */
  readonly replaceOn?: readonly (keyof Inputs & string)[];
  /** Default: what was made stays; the resources here stand for data, or for a state of things. */
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
    async update(_id, _olds, news) {
      return { outs: { ...news, ...(await ensure(news)) } };
    },
    async delete(_id, outputs) {
      await remove?.(outputs);
    },
  };
}

/** True when these inputs have the same value in both, lists by their items. */
export function haveSame<Inputs extends object>(olds: Inputs, news: Inputs, keys: readonly (keyof Inputs)[]): boolean {
  return keys.every((key) => JSON.stringify(olds[key]) === JSON.stringify(news[key]));
}
