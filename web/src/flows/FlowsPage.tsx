export function FlowsPage() {
  return <div className="ax-page" />
}
