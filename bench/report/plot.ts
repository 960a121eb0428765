import type { Spread } from './statistics.ts'

export type Chart = { title: string; subtitle: string; bars: Bar[] }
export type Bar = { label: string /** drawn in the stronger colour */; ours: boolean; value: Spread; note: string }

const WIDTH = 760
const LABEL_WIDTH = 190
const NOTE_WIDTH = 170
const ROW = 30
const BAR = 16
const TOP = 62
const BOTTOM = 14

/**
 * A picture of horizontal bars with whiskers from the least to the most, as SVG. It has no background of its own: its
 * colours are read on white and on black, and a reader's dark mode makes the text lighter.
 */
export function barChart({ title, subtitle, bars }: Chart): string {
  const largest = Math.max(...bars.map(({ value }) => value.most), Number.MIN_VALUE)
  const scale = (value: number) => (value / largest) * (WIDTH - LABEL_WIDTH - NOTE_WIDTH)
  const height = TOP + bars.length * ROW + BOTTOM
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${escapeXml(title)}">`,
    '<style>',
    'text { font: 13px system-ui, sans-serif; fill: #57606a } .title { font-size: 15px; font-weight: 600; fill: #24292f }',
    '.bar { fill: #8c959f } .ours { fill: #1a7f37 } .range { stroke: #57606a; stroke-width: 1.5 }',
    '@media (prefers-color-scheme: dark) { text { fill: #9da7b3 } .title { fill: #e6edf3 } .ours { fill: #3fb950 } .range { stroke: #c9d1d9 } }',
    '</style>',
    `<text class="title" x="8" y="22">${escapeXml(title)}</text>`,
    `<text x="8" y="42">${escapeXml(subtitle)}</text>`,
    ...bars.map((bar, row) => barLine(bar, TOP + row * ROW, scale)),
    '</svg>',
    '',
  ].join('\n')
}

function barLine({ label, ours, value, note }: Bar, top: number, scale: (value: number) => number): string {
  const middle = top + BAR / 2
  const text = middle + 5
  const x = (amount: number) => (LABEL_WIDTH + scale(amount)).toFixed(1)
  const figure = value.median >= 100 ? Math.round(value.median).toLocaleString('en') : value.median.toPrecision(3)
  return [
    `<text x="${LABEL_WIDTH - 8}" y="${text}" text-anchor="end">${escapeXml(label)}</text>`,
    `<rect class="bar${ours ? ' ours' : ''}" x="${LABEL_WIDTH}" y="${top}" width="${scale(value.median).toFixed(1)}" height="${BAR}" rx="2"/>`,
    `<line class="range" x1="${x(value.least)}" x2="${x(value.most)}" y1="${middle}" y2="${middle}"/>`,
    `<text x="${(LABEL_WIDTH + scale(value.most) + 8).toFixed(1)}" y="${text}">${escapeXml([figure, note].filter(Boolean).join(', '))}</text>`,
  ].join('\n')
}

function escapeXml(text: string): string {
  return text.replace(/[<>&"]/g, (character) => `&#${character.charCodeAt(0)};`)
}
