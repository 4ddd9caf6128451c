import { Button, Group } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { admin } from '../api/client'
import type { SigningSecret } from '../api/consoleTypes'
import { CopyIcon } from '../parts/CopyText'
import { Moment } from '../parts/Moment'
import classes from './console.module.css'
import { Answer, Confirmed, Section, useChange } from './parts'

const SECRET = ['signing-secret'] as const

/** What messages are signed with: asked for when somebody wants to see it. */
export function SigningSecretSection() {
  const [isShown, setShown] = useState(false)
  const secret = useQuery({
    queryKey: SECRET,
    queryFn: admin.signingSecret,
    enabled: isShown,
    gcTime: 0,
  })
  const rotate = useChange(() => admin.rotateSecret(), SECRET)
  return (
    <Section
      title="Signing secret"
      action={
        <Group gap="xs">
          <Button variant="default" size="xs" onClick={() => setShown(!isShown)}>
            {isShown ? 'Hide' : 'Show'}
          </Button>
          <Confirmed
            label="Rotate"
            name="the signing secret"
            title="Rotate the signing secret?"
            confirm="Rotate"
            act={() => rotate.mutateAsync(undefined)}
          >
            Messages are signed with a new secret from now on. For a day they carry the signature of
            the old one too, so that receivers can be changed meanwhile.
          </Confirmed>
        </Group>
      }
    >
      {isShown ? (
        <Answer query={secret}>{(found) => <Shown secret={found} />}</Answer>
      ) : (
        <p className={classes.hidden}>
          Receivers check with it that a message comes from this box. It is shown on demand.
        </p>
      )}
    </Section>
  )
}

function Shown({ secret }: { secret: SigningSecret }) {
  return (
    <dl className={classes.facts}>
      <dt>Secret</dt>
      <dd className={classes.withCopy}>
        <code className="ax-mono">{secret.secret}</code>
        <CopyIcon text={secret.secret} label="signing secret" />
      </dd>
      <dt>Created</dt>
      <dd>
        <Moment at={secret.created_at} />
      </dd>
      {secret.previous_until !== null && (
        <>
          <dt>The old one signs until</dt>
          <dd>
            <Moment at={secret.previous_until} />
          </dd>
        </>
      )}
    </dl>
  )
}
