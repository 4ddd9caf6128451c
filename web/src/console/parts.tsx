import { Button, Group, Modal, Stack } from '@mantine/core'
import type { QueryKey, UseQueryResult } from '@tanstack/react-query'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { Plus } from 'lucide-react'
import { type FormEvent, type ReactNode, useEffect, useRef, useState } from 'react'
import { Refused } from '../api/errors'
import { useTitle } from '../app/title'
import { Blank } from '../parts/Blank'
import { Loading } from '../parts/Loading'
import { Trouble } from '../parts/Trouble'
import classes from './console.module.css'
import { besides } from './faults'

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

interface SectionProps {
  title: string
  action?: ReactNode
  /** It is all there is on the page, which has said already what it is. */
  isAlone?: boolean
  children: ReactNode
}

export function Section(props: SectionProps) {
  return (
    <section className={classes.section} aria-label={props.title} data-alone={props.isAlone}>
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

interface AnswerProps<T> {
  query: UseQueryResult<T>
  /** It was asked about one that there may not be: the route is there all the same. */
  isOfOne?: boolean
  children: (data: T) => ReactNode
}

/** What was asked for, once it is there; or why it is not. */
export function Answer<T>({ query, isOfOne = false, children }: AnswerProps<T>) {
  if (query.data !== undefined) return children(query.data)
  if (query.isPending) return <Loading lines={4} />
  if (!isOfOne && isMissing(query.error))
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
  /** What leaves everything as it is. */
  decline?: string
  /** It takes nothing away. */
  isGood?: boolean
  act: () => Promise<unknown>
}

/** A button for what is not done lightly: it asks first, and tells what goes wrong. */
export function Confirmed(props: ConfirmProps) {
  const { label, name } = props
  const [isOpen, setOpen] = useState(false)
  return (
    <>
      <Button
        variant="default"
        size="xs"
        aria-label={name ? `${label} ${name}` : undefined}
        onClick={() => setOpen(true)}
      >
        {label}
      </Button>
      {/* Only then: a table has hundreds of these. */}
      {isOpen && <ConfirmDialog {...props} onClose={() => setOpen(false)} />}
    </>
  )
}

function ConfirmDialog(props: ConfirmProps & { onClose: () => void }) {
  const { title, children, confirm, decline = 'Keep it', isGood, act, onClose } = props
  const doing = useMutation({ mutationFn: act, onSuccess: onClose })
  useReturnFocus()
  return (
    <Modal opened onClose={onClose} title={title}>
      <Stack gap="md">
        <div>{children}</div>
        {doing.error && <Trouble failure={doing.error} />}
        <Group justify="flex-end" gap="sm">
          <Button variant="default" onClick={onClose} data-autofocus>
            {decline}
          </Button>
          <Button
            {...(isGood ? {} : { color: 'red' })}
            loading={doing.isPending}
            onClick={() => doing.mutate()}
          >
            {confirm}
          </Button>
        </Group>
      </Stack>
    </Modal>
  )
}

/** Whoever closes a dialog is where it was opened, be that by an item of a menu. */
function useReturnFocus() {
  const [opener] = useState(openerOf)
  useEffect(
    () => () => {
      requestAnimationFrame(() => {
        if (document.activeElement === document.body) opener?.focus({ preventScroll: true })
      })
    },
    [opener],
  )
}

function openerOf(): HTMLElement | null {
  const active = document.activeElement as HTMLElement | null
  const menu = active?.closest('[role=menu]')
  return menu ? document.getElementById(menu.getAttribute('aria-labelledby') ?? '') : active
}

interface FormProps {
  title: string
  submit: string
  isPending: boolean
  isReady?: boolean
  failure: unknown
  /** Paths of problems that are shown at a field. */
  fields?: readonly string[]
  onSubmit: () => void
  onClose: () => void
  size?: string
  children: ReactNode
}

const FAULTY = '[aria-invalid="true"]'

/** A dialog with fields, which Enter sends off. */
export function FormDialog(props: FormProps) {
  const { failure, fields = [] } = props
  const form = useRef<HTMLFormElement>(null)
  useReturnFocus()
  // What the server finds fault with is where one goes on.
  useEffect(() => {
    if (failure != null) form.current?.querySelector<HTMLElement>(FAULTY)?.focus()
  }, [failure])
  const submit = (event: FormEvent) => {
    event.preventDefault()
    props.onSubmit()
  }
  return (
    <Modal
      opened
      onClose={props.onClose}
      title={props.title}
      size={props.size ?? 'md'}
      // What is typed is not lost by a click beside it.
      closeOnClickOutside={false}
    >
      <form ref={form} onSubmit={submit}>
        <Stack gap="md">
          {props.children}
          <div className={classes.foot}>
            {failure != null && <Trouble failure={besides(failure, fields)} />}
            <Group justify="flex-end" gap="sm">
              <Button variant="default" onClick={props.onClose}>
                Close
              </Button>
              <Button type="submit" loading={props.isPending} disabled={props.isReady === false}>
                {props.submit}
              </Button>
            </Group>
          </div>
        </Stack>
      </form>
    </Modal>
  )
}
