import { Button, Group, Modal, Stack } from '@mantine/core'
import type { QueryKey, UseQueryResult } from '@tanstack/react-query'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { Plus } from 'lucide-react'
import { type FormEvent, type ReactNode, useState } from 'react'
import { Refused } from '../api/errors'
import { useTitle } from '../app/title'
import { Blank } from '../parts/Blank'
import { Loading } from '../parts/Loading'
import { Trouble } from '../parts/Trouble'
import classes from './console.module.css'

/** One page of the console. */
export function Subject(props: {
  title: string
  about: ReactNode
  action?: ReactNode
  children: ReactNode
}) {
  useTitle(props.title)
  return (
    <div className={classes.page}>
      <header className={classes.head}>
        <div>
          <h1>{props.title}</h1>
          <p>{props.about}</p>
        </div>
        {props.action}
      </header>
      {props.children}
    </div>
  )
}

export function Section(props: { title: string; action?: ReactNode; children: ReactNode }) {
  return (
    <section className={classes.section} aria-label={props.title}>
      <header>
        <h2>{props.title}</h2>
        {props.action}
      </header>
      <div className="ax-panel">{props.children}</div>
    </section>
  )
}

/** Whether the server has no such route: it is of a version before it. */
function isMissing(failure: unknown): boolean {
  return failure instanceof Refused && (failure.status === 404 || failure.status === 405)
}

/** The button that begins something new; not where the server has no such route. */
export function AddButton(props: {
  query: UseQueryResult<unknown>
  onAdd: () => void
  children: ReactNode
}) {
  if (isMissing(props.query.error)) return null
  return (
    <Button leftSection={<Plus size={15} />} onClick={props.onAdd}>
      {props.children}
    </Button>
  )
}

/** What was asked for, once it is there; or why it is not. */
export function Answer<T>(props: { query: UseQueryResult<T>; children: (data: T) => ReactNode }) {
  const { query, children } = props
  if (query.data !== undefined) return children(query.data)
  if (query.isPending) return <Loading lines={4} />
  if (isMissing(query.error))
    return (
      <Blank
        title="Not available on this server"
        text="Its version does not have this yet. Everything else works as before."
      />
    )
  return (
    <div className={classes.inset}>
      <Trouble failure={query.error} onRetry={() => void query.refetch()} />
    </div>
  )
}

/** A change, after which what is shown of it is read again. */
export function useChange<V, T>(change: (given: V) => Promise<T>, queryKey: QueryKey) {
  const client = useQueryClient()
  return useMutation({
    mutationFn: change,
    onSuccess: () => client.invalidateQueries({ queryKey }),
  })
}

interface ConfirmProps {
  /** What the button that asks says. */
  label: string
  /** For the ear: which one of many. */
  name?: string
  title: string
  children: ReactNode
  confirm: string
  act: () => Promise<unknown>
}

/** A button for what cannot be taken back: it asks first, and tells what goes wrong. */
export function Confirmed({ label, name, title, children, confirm, act }: ConfirmProps) {
  const [isOpen, setOpen] = useState(false)
  const doing = useMutation({ mutationFn: act, onSuccess: () => setOpen(false) })
  const open = () => {
    doing.reset()
    setOpen(true)
  }
  return (
    <>
      <Button
        variant="default"
        size="xs"
        aria-label={name ? `${label} ${name}` : undefined}
        onClick={open}
      >
        {label}
      </Button>
      <Modal opened={isOpen} onClose={() => setOpen(false)} title={title}>
        <Stack gap="md">
          <div>{children}</div>
          {doing.error && <Trouble failure={doing.error} />}
          <Group justify="flex-end" gap="sm">
            <Button variant="default" onClick={() => setOpen(false)} data-autofocus>
              Keep it
            </Button>
            <Button color="red" loading={doing.isPending} onClick={() => doing.mutate()}>
              {confirm}
            </Button>
          </Group>
        </Stack>
      </Modal>
    </>
  )
}

interface FormProps {
  title: string
  submit: string
  isPending: boolean
  isReady?: boolean
  failure: unknown
  onSubmit: () => void
  onClose: () => void
  size?: string
  children: ReactNode
}

/** A dialog with fields, which Enter sends off. */
export function FormDialog(props: FormProps) {
  const submit = (event: FormEvent) => {
    event.preventDefault()
    props.onSubmit()
  }
  return (
    <Modal opened onClose={props.onClose} title={props.title} size={props.size ?? 'md'}>
      <form onSubmit={submit}>
        <Stack gap="md">
          {props.children}
          {props.failure != null && <Trouble failure={props.failure} />}
          <Group justify="flex-end" gap="sm">
            <Button variant="default" onClick={props.onClose}>
              Close
            </Button>
            <Button type="submit" loading={props.isPending} disabled={props.isReady === false}>
              {props.submit}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  )
}
