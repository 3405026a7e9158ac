import type { ComponentChildren } from "preact";
import type { Problem, Report } from "../contract.ts";
import { Chart, Strip } from "./charts.tsx";
import { ago, bytes, count, growth, moment, span } from "./format.ts";
import { change, type Day, sums, total } from "./history.ts";

interface Props {
  readonly report: Report;
  readonly day: Day;
}

function Section({ title, children }: { title: string; children: ComponentChildren }) {
  const id = title.toLowerCase().replaceAll(" ", "-");
  return (
    <section class="card" aria-labelledby={id}>
      <h2 id={id}>{title}</h2>
      {children}
    </section>
  );
}

/** A table with a name for each row; narrow screens scroll it, with the keyboard too. */
function Table({
  label,
  head,
  rows,
}: {
  label: string;
  head: readonly string[];
  rows: readonly (readonly ComponentChildren[])[];
}) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: without a mouse it scrolls only while it has the focus
    <section class="scroll" aria-label={`${label}, table`} tabIndex={0}>
      <table>
        <thead>
          <tr>
            {head.map((text) => (
              <th key={text} scope="col">
                {text}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map(([name, ...cells], row) => (
            <tr key={row}>
              <th scope="row">{name}</th>
              {cells.map((cell, index) => (
                <td key={index}>{cell}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

function ProblemList({ problems }: { problems: readonly Problem[] }) {
  // Several checks may find the same.
  const different = problems.filter(
    ({ problem }, index) => problems.findIndex((one) => one.problem === problem) === index,
  );
  return (
    <ul class="problems">
      {different.map(({ severity, problem, fix }) => (
        <li key={problem} class={severity}>
          <strong>{severity}</strong> {problem}
          <span class="fix">
            fix: <code>{fix}</code>
          </span>
        </li>
      ))}
    </ul>
  );
}

export function Problems({ report: { problems, doctor, operation, backup, now } }: Props) {
  const running = backup?.status.running;
  return (
    <Section title="What is wrong">
      {problems.length === 0 ? <p>Nothing that can be seen from here.</p> : <ProblemList problems={problems} />}
      <p class="hint">
        {operation === null && !running ? "No operation is running." : `Running: ${operation?.kind ?? running}.`}
        {doctor === null && (
          <>
            {" "}
            Nobody has run <code>make doctor</code> yet, which looks deeper.
          </>
        )}
      </p>
      {doctor !== null && (
        <>
          <h3>
            Found by <code>make doctor</code> {ago(doctor.at, now)}
          </h3>
          {doctor.findings.length === 0 ? <p>Nothing.</p> : <ProblemList problems={doctor.findings} />}
        </>
      )}
    </Section>
  );
}

export function Services({ report: { services, now }, day }: Props) {
  const rows = services.map(({ name, isHealthy }) => [
    name,
    <span class={isHealthy ? "good" : "bad"}>{isHealthy ? "healthy" : "unhealthy"}</span>,
    <Strip day={day} name={name} now={now} />,
  ]);
  return (
    <Section title="Services">
      <Table label="Services" head={["service", "health", "last day"]} rows={rows} />
    </Section>
  );
}

export function Projects({ report: { projects, now }, day }: Props) {
  const rows = projects.map(({ name, agents, messages, lastRequest }) => [
    name,
    count(agents),
    count(messages),
    total(day, `requests/${name}`).toLocaleString(),
    total(day, `errors/${name}`).toLocaleString(),
    lastRequest === null ? "none in a day" : ago(lastRequest, now),
  ]);
  return (
    <Section title="Projects">
      <Table
        label="Projects"
        head={["project", "agents", "messages", "requests, 24 h", "errors, 24 h", "last request"]}
        rows={rows}
      />
    </Section>
  );
}

export function Requests({ report: { now, openRequests }, day }: Props) {
  return (
    <Section title="Requests">
      <div class="charts">
        <Chart
          title="Requests a minute through the gateway"
          lines={[
            { label: "requests", color: "accent", values: sums(day, "requests/", now) },
            { label: "errors (4xx, 5xx)", color: "bad", values: sums(day, "errors/", now) },
          ]}
          now={now}
        />
        <Chart
          title={`Open requests and streams: ${count(openRequests)} now`}
          lines={[{ label: "open", color: "accent", values: sums(day, "open", now) }]}
          now={now}
        />
      </div>
    </Section>
  );
}

export function Storage({ report: { databaseBytes, backup, disk }, day }: Props) {
  const size = (kind: string, [name, value]: [string, number]) => {
    const grown = change(day, `${kind}/${name}`);
    return [`${kind} ${name}`, bytes(value), grown === null ? "unknown" : growth(grown)];
  };
  const rows = [
    ...Object.entries<number>(databaseBytes ?? {}).map((entry) => size("database", entry)),
    ...Object.entries<number>(backup?.volumeBytes ?? {}).map((entry) => size("volume", entry)),
  ];
  const used = 1 - disk.freeBytes / disk.totalBytes;
  return (
    <Section title="Storage">
      <Table label="Storage" head={["where", "size", "change in a day"]} rows={rows} />
      <p>
        The disk of the volumes has {bytes(disk.freeBytes)} free of {bytes(disk.totalBytes)} ({Math.round(used * 100)} %
        used).
      </p>
    </Section>
  );
}

export function Backups({ report: { backup, now } }: Props) {
  if (backup === null)
    return (
      <Section title="Backups">
        <p>No agent tells of backups: they are off, or it has not come up yet.</p>
      </Section>
    );
  const { lastBackup, nextBackupAt, pointInTime, lossSeconds, drill, offsite } = backup.status;
  const facts: readonly (readonly [string, string])[] = [
    [
      "last backup",
      lastBackup === null ? "none yet" : `${ago(lastBackup.at, now)} (${lastBackup.type}, ${bytes(lastBackup.bytes)})`,
    ],
    ["next backup", nextBackupAt === null ? "none" : moment(nextBackupAt)],
    [
      "can be restored",
      pointInTime === null
        ? "nothing yet"
        : `every moment from ${moment(pointInTime.from)} to ${moment(pointInTime.to)}`,
    ],
    ["loss window", lossSeconds === null ? "unknown" : span(lossSeconds)],
    [
      "last drill",
      drill === null ? "none yet" : `${drill.ok ? "good" : "FAILED"}, ${ago(drill.at, now)}, in ${span(drill.seconds)}`,
    ],
    [
      "off-site copy",
      !offsite.configured ? "none" : offsite.lastPushAt === null ? "none yet" : ago(offsite.lastPushAt, now),
    ],
  ];
  return (
    <Section title="Backups">
      <dl>
        {facts.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
    </Section>
  );
}
