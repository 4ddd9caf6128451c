export function ExecutionsPage() {
  return <div className="ax-page" />
}
