/** Every artifact, by flow. */
export function FlowsPage() {
  return null
}
