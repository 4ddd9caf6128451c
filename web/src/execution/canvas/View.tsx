import { type FitViewOptions, useReactFlow, useStore } from '@xyflow/react'
import { type RefObject, useEffect, useRef } from 'react'
import { CARD_HEIGHT, CARD_WIDTH } from './layout'

const MOVE_MS = 220
/** Below this a card cannot be read, so going to it also goes nearer. */
const READABLE = 0.55

interface Props {
  /** The card that is selected. */
  alias: string | null
  fit: FitViewOptions
  /** Whether somebody has chosen what is seen; until then all of the flow is. */
  moved: RefObject<boolean>
}

/**
 * What of the flow is seen: all of it in whatever room there is, until somebody moves it. From then
 * on, only a card that is selected and out of view is brought into it.
 */
export function View({ alias, fit, moved }: Props) {
  const flow = useReactFlow()
  const width = useStore((state) => state.width)
  const height = useStore((state) => state.height)
  const before = useRef({ width, height })
  useEffect(() => {
    if (width === 0 || height === 0) return
    const was = before.current
    before.current = { width, height }
    const isResized = was.width > 0 && (was.width !== width || was.height !== height)
    if (isResized && !moved.current) {
      void flow.fitView(fit)
      return
    }
    const node = alias === null ? undefined : flow.getNode(alias)
    if (!node) return
    const { x, y, zoom } = flow.getViewport()
    const left = node.position.x * zoom + x
    const top = node.position.y * zoom + y
    const fits = left >= 0 && left + CARD_WIDTH * zoom <= width
    if (fits && top >= 0 && top + CARD_HEIGHT * zoom <= height) return
    const middle = [node.position.x + CARD_WIDTH / 2, node.position.y + CARD_HEIGHT / 2] as const
    void flow.setCenter(...middle, { zoom: Math.max(zoom, READABLE), duration: MOVE_MS })
  }, [alias, flow, width, height, fit, moved])
  return null
}
