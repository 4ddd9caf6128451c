/** One artifact: its topology and how to run it. */
export function FlowPage() {
  return null
}
