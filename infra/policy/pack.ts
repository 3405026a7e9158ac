import {
  PolicyPack,
  type PolicyResource as PolicyResourceOfStack,
  type ResourceValidationArgs,
  type ResourceValidationPolicy,
  type StackValidationPolicy,
} from "@pulumi/policy";
import { type PolicyAllowances, type PolicyResource, type Rule, rules } from "./rules.ts";

const configSchema = {
  properties: {
    /** `PolicyAllowances.exposedOn` */
    exposedOn: { type: "array" as const, items: { type: "string" as const } },
    /** `PolicyAllowances.taggedImages`, as the source of a regular expression. */
    taggedImages: { type: "string" as const },
  },
};
type Config = { exposedOn?: string[]; taggedImages?: string };

function allowances({ exposedOn, taggedImages }: Config): PolicyAllowances {
  return {
    ...(exposedOn && { exposedOn }),
    ...(taggedImages !== undefined && { taggedImages: new RegExp(taggedImages) }),
  };
}

function seen({ type, name, props, opts }: ResourceValidationArgs | PolicyResourceOfStack): PolicyResource {
  return {
    type,
    name,
    inputs: props,
    options: opts,
    // Lazy: reading the id of a resource that does not exist yet aborts the rule in a preview.
    get id() {
      return props.id as string | undefined;
    },
  };
}

/** A policy that runs before the resource is created or, if the rule compares resources, at the end of preview and update. */
function policyOf({ name, problem, looksAtAll = false }: Rule): ResourceValidationPolicy | StackValidationPolicy {
  const common = {
    name: name.replaceAll(/[^a-z]+/g, "-"),
    description: name,
    enforcementLevel: "mandatory" as const,
    configSchema,
  };
  if (!looksAtAll) {
    return {
      ...common,
      validateResource: (one, report) => {
        const found = problem(seen(one), [], allowances(one.getConfig<Config>()));
        if (found !== undefined) report(found);
      },
    };
  }
  return {
    ...common,
    validateStack: ({ resources, getConfig }, report) => {
      const all = resources.map(seen);
      for (const one of resources) {
        const found = problem(seen(one), all, allowances(getConfig<Config>()));
        if (found !== undefined) report(found, one.urn);
      }
    },
  };
}

new PolicyPack("thoth-letta", { policies: rules.map(policyOf) });
