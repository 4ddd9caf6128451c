import { notifications } from '@mantine/notifications'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { type AnswerBody, api } from '../../api/client'
import { Refused } from '../../api/errors'
import type { Pause, Problem } from '../../api/types'

const HTTP_CONFLICT = 409
const NONE: readonly Problem[] = []

/** Answering a pause. What is wrong with the value comes back as problems of its fields. */
export function useAnswer(executionId: string, pause: Pause) {
  const client = useQueryClient()
  const look = () =>
    Promise.all(
      ['pauses', 'execution'].map((name) =>
        client.invalidateQueries({ queryKey: [name, executionId] }),
      ),
    )
  const mutation = useMutation({
    mutationFn: (body: AnswerBody) => api.answer(executionId, pause.pause_id, body),
    onSuccess: (_, { decision }) => {
      notifications.show({
        color: decision === 'approve' ? 'teal' : 'gray',
        title: decision === 'approve' ? 'Approved' : 'Rejected',
        message: `${pause.position} goes on.`,
      })
      return look()
    },
    onError: (failure) => {
      if (!isOver(failure)) return
      notifications.show({
        color: 'yellow',
        title: 'This pause is over already',
        message: `${failure.message} Somebody else has answered, or its time has run out.`,
        autoClose: 10_000,
      })
      return look()
    },
  })
  const { error } = mutation
  const problems = error instanceof Refused ? error.problems : NONE
  return {
    say: (body: AnswerBody) => mutation.mutate(body),
    saying: mutation.isPending ? mutation.variables.decision : null,
    problems,
    failure: error !== null && problems.length === 0 ? error : null,
  }
}

function isOver(failure: unknown): failure is Refused {
  return failure instanceof Refused && failure.status === HTTP_CONFLICT
}
