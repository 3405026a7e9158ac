import manifest from "../package.json" with { type: "json" };

/** How this program identifies itself everywhere, so that nobody mistakes it for Thoth. */
export const ABOUT = {
  name: "thoth",
  standIn: true,
  version: manifest.version,
  notice: "This is a stand-in with Thoth's contract, not Thoth itself.",
} as const;
