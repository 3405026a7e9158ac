/** A moment as it stands in names, e.g. `20261124T013000Z`. */
export function stamp(at: Date): string {
  return at.toISOString().replace(/[-:]|\.\d+/g, "");
}
