import * as pulumi from "@pulumi/pulumi";
import type { RegisterResourceRequest } from "@pulumi/pulumi/proto/resource_pb.js";
import { projectName } from "../../infra/lib/names.ts";

/** One resource as it is registered with the engine. */
export type RecordedResource = ReturnType<typeof recordOf>;

/** All that one run of a stack program registered. */
export interface Graph<Exports> {
  readonly exports: Exports;
  /** In the order of registration. */
  readonly resources: readonly RecordedResource[];
  /** Resources of one type. */
  readonly ofType: (type: string) => RecordedResource[];
  /** The one custom resource of this name. */
  readonly resource: (name: string) => RecordedResource;
  /** Names of the custom resources, near and far, that the named one waits for. */
  readonly waitsFor: (name: string) => string[];
}

type Answer = (error: unknown, response: { getUrn(): string } | undefined) => void;

/**
 * Runs a stack program against Pulumi's mocks and records what it registers, options included.
 *
 * Every random password is `plain-` and its name, so that a test can look for places where one shows. Import the program
 * inside `run`: modules that make resources must be loaded after the mocks are in place.
 */
export async function recordGraph<Exports>(
  run: () => Promise<Exports>,
  { stack, isPreview }: { stack: string; isPreview: boolean },
): Promise<Graph<Exports>> {
  const resources: RecordedResource[] = [];
  await pulumi.runtime.setMocks(
    {
      newResource: ({ type, name, inputs }) => ({
        id: isPreview ? undefined : `id-of-${name}`,
        state: { ...inputs, ...(isPreview ? {} : providerOutputs(type, name, inputs)) },
      }),
      call: ({ token }) => {
        throw new Error(`the program calls ${token}, which no test expects`);
      },
    },
    projectName,
    stack,
    isPreview,
    "organization",
  );
  recordInto(resources);
  const exports = await run();
  // Registrations run on after the program has returned; a failed one rejects here rather than nowhere.
  await pulumi.runtime.disconnect();
  return { exports, ...queries(resources), resources };
}

/** Outputs that the real providers add to the inputs; the engine makes secrets of those named in the request. */
function providerOutputs(type: string, name: string, inputs: Record<string, unknown>): Record<string, unknown> {
  if (type === "random:index/randomPassword:RandomPassword") return { result: pulumi.secret(`plain-${name}`) };
  if (type.endsWith(":letta-identities")) {
    const projects = inputs.projects as string[];
    return { users: Object.fromEntries(projects.map((project) => [project, `user-of-${project}`])) };
  }
  if (type.endsWith(":self-signed-certificate"))
    return { certificate: "a certificate", key: pulumi.secret("plain-tls-key") };
  if (type.endsWith(":login-seeds")) {
    return { seeds: pulumi.secret(Object.fromEntries((inputs.valid as string[]).map((key) => [key, ""]))) };
  }
  if (type.endsWith(":migration")) return { schemaVersion: "revision-1" };
  return {};
}

function recordInto(resources: RecordedResource[]): void {
  const monitor = pulumi.runtime.getMonitor() as unknown as {
    registerResource(request: RegisterResourceRequest, answer: Answer): Promise<void>;
  };
  const register = monitor.registerResource.bind(monitor);
  monitor.registerResource = (request, answer) =>
    register(request, (error, response) => {
      if (response !== undefined) resources.push(recordOf(request, response.getUrn()));
      answer(error, response);
    });
}

function recordOf(request: RegisterResourceRequest, urn: string) {
  const sent = request.getObject()?.toJavaScript() ?? {};
  const timeouts = request.getCustomtimeouts();
  return {
    type: request.getType(),
    name: request.getName(),
    urn,
    isCustom: request.getCustom(),
    /** URN of the component it is part of; empty at the top. */
    parent: request.getParent(),
    /** As the provider gets them. */
    inputs: mapSecrets(sent, (value) => value) as Record<string, unknown>,
    /** As they are stored in the open: `[secret]` stands for what is encrypted. */
    storedInputs: mapSecrets(sent, () => "[secret]") as Record<string, unknown>,
    options: {
      protect: request.getProtect() ?? false,
      retainOnDelete: request.getRetainondelete() ?? false,
      deleteBeforeReplace: request.getDeletebeforereplace(),
      replaceOnChanges: request.getReplaceonchangesList(),
      ignoreChanges: request.getIgnorechangesList(),
      additionalSecretOutputs: request.getAdditionalsecretoutputsList(),
      timeouts: { create: timeouts?.getCreate() ?? "", delete: timeouts?.getDelete() ?? "" },
    },
    /** URNs of what must be there first, whether named in `dependsOn` or carried by a value. */
    dependencies: request.getDependenciesList(),
  };
}

const signatureKey = "4dabf18193072939515e22adb298388d";
const secretSignature = "1b47061264138c4ac30d75fd1eb44270";

/** Replaces each secret of a value as it goes over the wire, where a secret is an object with a signature. */
function mapSecrets(value: unknown, replace: (secret: unknown) => unknown): unknown {
  if (Array.isArray(value)) return value.map((item) => mapSecrets(item, replace));
  if (typeof value !== "object" || value === null) return value;
  const object = value as Record<string, unknown>;
  if (object[signatureKey] === secretSignature) return replace(object.value);
  return Object.fromEntries(Object.entries(object).map(([key, item]) => [key, mapSecrets(item, replace)]));
}

function queries(resources: readonly RecordedResource[]) {
  const resource = (name: string): RecordedResource => {
    const found = resources.filter((candidate) => candidate.isCustom && candidate.name === name);
    if (found.length !== 1) throw new Error(`${found.length} custom resources are named ${name}`);
    return found[0] as RecordedResource;
  };
  const waitsFor = (name: string): string[] => {
    const seen = new Set<RecordedResource>();
    // A part is registered once its component is, which is once all that the component depends on is there.
    const visit = ({ parent, dependencies }: RecordedResource) => {
      const next = resources.filter(({ urn }) => urn === parent || dependencies.includes(urn));
      for (const one of next.filter((candidate) => !seen.has(candidate))) {
        seen.add(one);
        visit(one);
      }
    };
    visit(resource(name));
    return [...seen].filter((one) => one.isCustom).map((one) => one.name);
  };
  return { resource, waitsFor, ofType: (type: string) => resources.filter((candidate) => candidate.type === type) };
}
