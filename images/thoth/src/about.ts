import manifest from "../package.json" with { type: "json" };

/** What this program says of itself wherever it is asked, so that nobody takes it for Thoth. */
export const ABOUT = {
  name: "thoth",
  standIn: true,
  version: manifest.version,
  notice: "This is a stand-in with Thoth's contract, not Thoth itself.",
} as const;
