import "uplot/dist/uPlot.min.css";
import "./style.css";
import { render } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { Problem, Report } from "../contract.ts";
import { moment } from "./format.ts";
import { type Day, extend, newest } from "./history.ts";
import { Backups, Problems, Projects, Requests, Services, Storage } from "./sections.tsx";

const askEvery = 5000;

interface Known {
  readonly report: Report;
  readonly day: Day;
}

function Page() {
  const [known, setKnown] = useState<Known>();
  const [silentSince, setSilent] = useState<number>();
  useEffect(() => {
    let day: Day = new Map();
    const ask = async () => {
      try {
        const answer = await fetch(`status/data?since=${newest(day)}`, { signal: AbortSignal.timeout(20_000) });
        if (answer.status === 401) location.reload();
        if (!answer.ok) throw new Error(String(answer.status));
        const report = (await answer.json()) as Report;
        day = extend(day, report.history, report.now);
        setKnown({ report, day });
        setSilent(undefined);
      } catch {
        setSilent((since) => since ?? Date.now());
      }
      setTimeout(ask, askEvery);
    };
    void ask();
  }, []);
  if (known === undefined)
    return <p class="hint">{silentSince === undefined ? "Loading…" : "The page does not answer."}</p>;
  const { report } = known;
  const errors = (problems: readonly Problem[] = []) => problems.filter(({ severity }) => severity === "error").length;
  const bad = errors(report.problems);
  const found = errors(report.doctor?.findings) > 0;
  const verdict =
    bad > 0 ? `${bad} error${bad === 1 ? "" : "s"}` : found ? "All answers; see make doctor" : "All is well";
  document.title = `${verdict} · ${report.stack}`;
  return (
    <>
      <header>
        <h1>Stack {report.stack}</h1>
        <p class={`verdict ${bad > 0 || found ? "bad" : "good"}`} role="status">
          {verdict}
        </p>
        <p class="hint when">
          {silentSince === undefined ? `as of ${moment(report.now)}` : `no answer since ${moment(silentSince)}`}
        </p>
        <form method="post" action="status/logout">
          <button type="submit">Log out</button>
        </form>
      </header>
      <main class={silentSince === undefined ? "" : "old"}>
        <Problems {...known} />
        <Services {...known} />
        <Projects {...known} />
        <Requests {...known} />
        <Storage {...known} />
        <Backups {...known} />
        <p class="hint">
          Containers of projects, such as Thoth's, are in another stack: <code>make status</code> shows them.
        </p>
      </main>
    </>
  );
}

render(<Page />, document.getElementById("page") as HTMLElement);
