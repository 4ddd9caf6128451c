import { Button, PasswordInput } from '@mantine/core'
import { useQueryClient } from '@tanstack/react-query'
import { useRouter, useSearch } from '@tanstack/react-router'
import { type FormEvent, useCallback, useEffect, useState } from 'react'
import { api } from '../api/client'
import { Refused } from '../api/errors'
import { Logo } from '../app/Logo'
import { sessionQuery } from '../app/query'
import { SchemeSwitch } from '../app/SchemeSwitch'
import { safeNext } from '../app/search'
import { useTitle } from '../app/title'
import { CopyText } from '../parts/CopyText'
import { Trouble } from '../parts/Trouble'
import classes from './SignInPage.module.css'
import { takeToken } from './token'

type Proof = Parameters<typeof api.signIn>[0]

/** Sign in by the link that brought you here, or by an API key. */
export function SignInPage() {
  useTitle('Sign in')
  const [key, setKey] = useState('')
  const { busy, failure, signIn } = useSignIn()
  useEffect(() => {
    const token = takeToken(window)
    if (token) void signIn({ token })
  }, [signIn])
  const submit = (event: FormEvent) => {
    event.preventDefault()
    void signIn({ key: key.trim() })
  }
  return (
    <main className={classes.page}>
      <div className={classes.scheme}>
        <SchemeSwitch />
      </div>
      <div className={classes.card}>
        <div className={classes.brand}>
          <Logo size={36} />
          <h1>Sign in to axiomd</h1>
        </div>
        {failure !== undefined && <Trouble failure={failure} />}
        <form className={classes.form} onSubmit={submit}>
          <PasswordInput
            label="API key"
            description="64 characters, as they were shown when the key was made."
            autoComplete="off"
            value={key}
            onChange={(event) => setKey(event.currentTarget.value)}
            classNames={{ innerInput: classes.key ?? '' }}
            data-autofocus
          />
          <Button type="submit" loading={busy} disabled={key.trim() === ''} fullWidth>
            Sign in
          </Button>
        </form>
        <div className={classes.help}>
          <p>
            No key at hand? On the machine that axiomd runs on, this makes a link that signs you in
            once:
          </p>
          <div className={classes.command}>
            <CopyText text="axiomd login-link" label="the command" />
          </div>
        </div>
      </div>
    </main>
  )
}

function useSignIn() {
  const [busy, setBusy] = useState(false)
  const [failure, setFailure] = useState<unknown>()
  const client = useQueryClient()
  const router = useRouter()
  const { next } = useSearch({ from: '/sign-in' })
  const signIn = useCallback(
    async (proof: Proof) => {
      setBusy(true)
      setFailure(undefined)
      try {
        const session = await api.signIn(proof)
        client.clear()
        client.setQueryData(sessionQuery.queryKey, session)
        router.history.replace(safeNext(next))
      } catch (refused) {
        setFailure(inOurWords(refused))
      } finally {
        setBusy(false)
      }
    },
    [client, router, next],
  )
  return { busy, failure, signIn }
}

/** The server says as little as it can to who is not known; a person may know what it means. */
function inOurWords(refused: unknown): unknown {
  const unknownKey = refused instanceof Refused && refused.code === 'UNAUTHORIZED'
  return unknownKey ? new Error('This API key is not known here, or it has been revoked.') : refused
}
