import { dayMinutes, type History } from "../contract.ts";

/** Series -> minute -> value. */
export type Day = ReadonlyMap<string, ReadonlyMap<number, number>>;

/** The known history with what is new in it, without what is older than a day. */
export function extend(day: Day, news: History, now: number): Day {
  const first = Math.floor(now / 60_000) - dayMinutes;
  const names = new Set([...day.keys(), ...Object.keys(news)]);
  return new Map(
    [...names].map((name) => {
      const minutes = [...(day.get(name) ?? []), ...(news[name] ?? [])];
      return [name, new Map(minutes.filter(([minute]) => minute > first))] as const;
    }),
  );
}

/** The newest minute in it; 0 without any. */
export function newest(day: Day): number {
  return Math.max(0, ...[...day.values()].map((minutes) => [...minutes.keys()].at(-1) ?? 0));
}

/** The minutes of the day up to now, and for each the sum of the series whose name starts like this; null where none is known. */
export function sums(day: Day, prefix: string, now: number): (number | null)[] {
  const series = [...day].filter(([name]) => name.startsWith(prefix)).map(([, minutes]) => minutes);
  return minutesOf(now).map((minute) => {
    const known = series.flatMap((minutes) => minutes.get(minute) ?? []);
    return known.length === 0 ? null : known.reduce((sum, value) => sum + value, 0);
  });
}

export function minutesOf(now: number): number[] {
  const last = Math.floor(now / 60_000);
  return Array.from({ length: dayMinutes }, (_, index) => last - dayMinutes + 1 + index);
}

/** What a series rose or fell by over the known part of the day; null without one. */
export function change(day: Day, name: string): number | null {
  const values = [...(day.get(name)?.values() ?? [])];
  return values.length === 0 ? null : (values.at(-1) as number) - (values[0] as number);
}

export function total(day: Day, name: string): number {
  return [...(day.get(name)?.values() ?? [])].reduce((sum, value) => sum + value, 0);
}
