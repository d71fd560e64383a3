/** Of the report. */
export const STYLE = `
body { font: 15px/1.5 system-ui, sans-serif; color: #222; background: #fff; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1 { margin: 0; } h2 { margin: 2.5rem 0 .5rem; border-bottom: 1px solid #ddd; } h4 { margin: 1rem 0 .3rem; }
small { color: #666; font-weight: normal; }
table { border-collapse: collapse; width: 100%; font-size: 14px; }
th, td { text-align: left; padding: .25rem .6rem .25rem 0; border-bottom: 1px solid #eee; vertical-align: top; }
.number { text-align: right; font-variant-numeric: tabular-nums; }
.passed { color: #087f23; } .failed { color: #b00020; } .unusable { color: #8a6100; }
.verdict { font-size: 1.3rem; font-weight: 600; margin: .2rem 0; }
.failures li { overflow-wrap: anywhere; }
details { margin: .5rem 0; padding: .3rem .8rem; border: 1px solid #ddd; border-radius: 6px; }
summary { cursor: pointer; font-weight: 600; }
.pictures { display: flex; flex-wrap: wrap; gap: 1rem; }
figure { margin: .5rem 0; } figcaption { color: #666; font-size: 13px; }
.pictures img { display: block; border: 1px solid #ddd; max-width: 17rem; }
.pictures.small img { width: 12rem; image-rendering: pixelated; }
svg { max-width: 100%; height: auto; }
code { font-size: 13px; }
`.trim()
