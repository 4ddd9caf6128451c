export function FlowPage() {
  return <div className="ax-page" />
}
