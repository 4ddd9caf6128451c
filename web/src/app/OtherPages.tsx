import { Anchor, Button } from '@mantine/core'
import { type ErrorComponentProps, Link } from '@tanstack/react-router'
import { Blank } from '../parts/Blank'
import { Trouble } from '../parts/Trouble'
import { useTitle } from './title'

/** There is no such page. */
export function NotFoundPage() {
  useTitle('Not found')
  return (
    <main className="ax-page">
      <h1 className="ax-unseen">Not found</h1>
      <Blank
        title="There is nothing at this address"
        text="The page may have moved, or the address may have been cut."
        action={
          <Anchor component={Link} to="/executions">
            To the executions
          </Anchor>
        }
      />
    </main>
  )
}

/** A page failed while it was drawn, or its code could not be had. */
export function BrokenPage({ error }: ErrorComponentProps) {
  return (
    <div className="ax-page">
      <h1 style={{ marginBottom: 16 }}>This page has failed</h1>
      <Trouble failure={error} />
      <Button mt="md" variant="default" onClick={() => window.location.reload()}>
        Load it again
      </Button>
    </div>
  )
}
