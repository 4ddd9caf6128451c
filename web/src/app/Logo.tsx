/** The mark: nodes on their way. The same as public/favicon.svg. */
export function Logo({ size = 28 }: { size?: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 32 32" aria-hidden="true">
      <defs>
        <linearGradient id="ax-logo" x1="0" y1="0" x2="1" y2="1">
          <stop stopColor="#7c8cff" />
          <stop offset="1" stopColor="#5b5ff0" />
        </linearGradient>
      </defs>
      <rect width="32" height="32" rx="8" fill="url(#ax-logo)" />
      <g fill="none" stroke="#fff" strokeWidth="2" strokeLinejoin="round">
        <rect x="8" y="8" width="7" height="7" rx="2" />
        <rect x="17" y="17" width="7" height="7" rx="2" />
        <path d="M11.5 15v3.5a2 2 0 0 0 2 2H17" strokeLinecap="round" />
      </g>
    </svg>
  )
}
