import { useEffect, useRef, useState } from "preact/hooks";
import uPlot from "uplot";
import { dayMinutes } from "../contract.ts";
import { type Day, minutesOf } from "./history.ts";

/** A quarter of an hour of a day each. */
const stripParts = 96;

/** One late answer on a busy machine is no failure: half of a minute's are. */
const isBad = (share: number) => share <= 0.5;

/** Whether a service worked over the last day: red where it did not, grey where nobody looked. */
export function Strip({ day, name, now }: { day: Day; name: string; now: number }) {
  const up = day.get(`up/${name}`) ?? new Map<number, number>();
  const minutes = minutesOf(now);
  const size = dayMinutes / stripParts;
  const parts = Array.from({ length: stripParts }, (_, index) => {
    const known = minutes.slice(index * size, (index + 1) * size).flatMap((minute) => up.get(minute) ?? []);
    return known.length === 0 ? "unknown" : known.some(isBad) ? "bad" : "good";
  });
  const bad = [...up.values()].filter(isBad).length;
  const label =
    up.size === 0
      ? "no history yet"
      : bad === 0
        ? `worked in all ${up.size} minutes known`
        : `did not work in ${bad} of ${up.size} minutes known`;
  return (
    <svg class="strip" viewBox={`0 0 ${stripParts} 10`} preserveAspectRatio="none" role="img" aria-label={label}>
      <title>{label}</title>
      {parts.map((kind, index) => (
        <rect key={index} class={kind} x={index + 0.1} y="0" width="0.8" height="10" />
      ))}
    </svg>
  );
}

interface Line {
  readonly label: string;
  /** Name of a color in the style. */
  readonly color: string;
  readonly values: readonly (number | null)[];
}

/** Lines over the last day. What they show is also in words, for those who cannot see it. */
export function Chart({ title, lines, now }: { title: string; lines: readonly Line[]; now: number }) {
  const place = useRef<HTMLDivElement>(null);
  const theme = useTheme();
  const chart = useRef<uPlot | undefined>(undefined);
  const data = [
    minutesOf(now).map((minute) => minute * 60),
    ...lines.map(({ values }) => [...values]),
  ] as uPlot.AlignedData;
  useEffect(() => {
    const element = place.current as HTMLDivElement;
    const color = (name: string) => getComputedStyle(element).getPropertyValue(`--${name}`);
    const axis = {
      stroke: color("soft"),
      grid: { stroke: color("line"), width: 1 },
      ticks: { stroke: color("line"), width: 1 },
    };
    const made = new uPlot(
      {
        width: element.clientWidth,
        height: 150,
        cursor: { y: false },
        series: [
          {},
          ...lines.map(({ label, color: name }) => ({
            label,
            stroke: color(name),
            width: 1,
            fill: `${color(name)}22`,
          })),
        ],
        scales: { y: { range: (_, __, highest) => [0, Math.max(4, Math.ceil((highest ?? 0) * 1.1))] } },
        axes: [
          { ...axis, space: 60, values: (_, ticks) => ticks.map(clock) },
          { ...axis, size: 44, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 5000] },
        ],
      },
      data,
      element,
    );
    chart.current = made;
    const observer = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height: 150 }));
    observer.observe(element);
    return () => {
      observer.disconnect();
      made.destroy();
    };
  }, [theme]);
  useEffect(() => chart.current?.setData(data), [now]);
  const words = lines.map(({ label, values }) => {
    const known = values.filter((value) => value !== null);
    return known.length === 0
      ? `${label}: nothing known`
      : `${label}: ${known.at(-1)} now, at most ${Math.max(...known)}`;
  });
  return (
    <figure>
      <figcaption>{title}</figcaption>
      <div ref={place} class="chart" role="img" aria-label={`${title}. ${words.join("; ")}`} />
    </figure>
  );
}

const clock = (seconds: number) =>
  new Date(seconds * 1000).toLocaleTimeString(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });

/** Changes when the reader's system turns light or dark: the canvas has to be drawn again. */
function useTheme(): boolean {
  const query = matchMedia("(prefers-color-scheme: dark)");
  const [isDark, setDark] = useState(query.matches);
  useEffect(() => {
    const listen = () => setDark(query.matches);
    query.addEventListener("change", listen);
    return () => query.removeEventListener("change", listen);
  }, []);
  return isDark;
}
