export function ExecutionPage() {
  return <div className="ax-page" />
}
