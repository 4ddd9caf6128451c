import { Button } from '@mantine/core'
import { TriangleAlert } from 'lucide-react'
import { Refused, sentence } from '../api/errors'
import classes from './parts.module.css'

/** What went wrong, in the server's words, with each problem at its place. */
export function Trouble({ failure, onRetry }: { failure: unknown; onRetry?: () => void }) {
  const problems = failure instanceof Refused ? failure.problems : []
  return (
    <div className={classes.trouble} role="alert">
      <TriangleAlert size={18} aria-hidden />
      <div className={classes.troubleWords}>
        <p>{sentence(failure)}</p>
        {problems.length > 0 && (
          <ul>
            {problems.map((problem) => (
              <li key={`${problem.path} ${problem.message}`}>
                <code>{problem.path}</code> {problem.message}
              </li>
            ))}
          </ul>
        )}
      </div>
      {onRetry && (
        <Button variant="default" size="xs" onClick={onRetry}>
          Try again
        </Button>
      )}
    </div>
  )
}
