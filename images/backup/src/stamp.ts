/** A moment as names have it, e.g. `20261124T013000Z`. */
export function stamp(at = new Date()): string {
  return at.toISOString().replace(/[-:]|\.\d+/g, "");
}
