/** What one project may take of the gateway; see `projectLimits` in config/letta.ts. */
export interface ProjectLimits {
  readonly requestsPerSecond: number;
  readonly burst: number;
  readonly connections: number;
  readonly runs: number;
}

/** How many runs a project may begin in a minute, on average, for each that it may have under way. */
const startsPerRun = 15;

/** For nginx' http block. Nobody's requests, and what begins no run, have an empty key, which is not counted. */
export const limitZones = ({ requestsPerSecond, runs }: ProjectLimits) => `  map $begins_work $run_project {
    default $project;
    "" "";
  }

  limit_req_zone $project zone=requests:2m rate=${requestsPerSecond}r/s;
  # A run that Letta goes on with by itself is not seen to end, and what begins one takes Letta's processor for a while.
  limit_req_zone $run_project zone=run_starts:2m rate=${runs * startsPerRun}r/m;
  limit_conn_zone $project zone=connections:2m;
  limit_conn_zone $run_project zone=runs:2m;
  limit_req_status 429;
  limit_conn_status 429;`;

/** For nginx' location. */
export const limitRules = ({
  burst,
  connections,
  runs,
}: ProjectLimits) => `      limit_req zone=requests burst=${burst} nodelay;
      # Without nodelay: they wait their turn, so that one client after the other is slowed down and not refused.
      limit_req zone=run_starts burst=${runs * 2};
      limit_conn connections ${connections};
      limit_conn runs ${runs};`;
