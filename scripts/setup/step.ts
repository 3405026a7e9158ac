/** One resumable unit of setup: it can tell that it is done, and doing it again mends what an interrupted run left. */
export interface Step {
  /** Unique within one setup run, e.g. `image-letta`. */
  readonly id: string;
  /** What a person reads beside the progress mark, e.g. "Pulumi CLI 3.256.0, built from Go modules". */
  readonly title: string;
  /** Ids of the steps that must be done first. */
  readonly needs?: readonly string[];
  /** True when an earlier run's result is there and current; must answer in well under a second. */
  isDone(): Promise<boolean>;
  /** Does the work. `report` shows one line of progress. A failure throws with the last lines of what was printed. */
  run(report: (line: string) => void): Promise<void>;
}

/** What offline/index.ts exports: the steps of machines that reach neither a registry nor Pulumi's download site, and the images that are published nowhere. */
export interface OfflineSteps {
  toolSteps(options: { readonly root: string; readonly pulumiHome: string }): Step[];
  imageSteps(options: { readonly root: string; readonly alsoLetta?: string | undefined }): Step[];
  /** The image of one release of Letta alone. */
  lettaImageSteps(options: { readonly root: string; readonly version: string }): Step[];
  /** The backup agent on another Postgres, which is on this machine. */
  backupImageSteps(options: {
    readonly root: string;
    readonly postgres: { readonly version: string; readonly reference: string };
  }): Step[];
  /** What no registry has, on a registry's images, which are there once the steps in `needs` are done. */
  registryImageSteps(options: {
    readonly root: string;
    readonly stateRoot: string;
    readonly bases: { readonly base: string; readonly postgres: string };
    readonly postgresVersion?: string | undefined;
    readonly wanted: readonly ("thoth" | "backup")[];
    readonly needs: readonly string[];
  }): Step[];
}
