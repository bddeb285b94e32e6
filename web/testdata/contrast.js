// The texts in view whose contrast with what lies behind them is below 4.5 to 1, as WCAG 2.1 counts it (relative luminance, SC 1.4.3).
// Texts over the image lie on surfaces of their own; what is switched off or stands back is left out, as WCAG does.
(() => {
  const context = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgba = (color) => {
    context.clearRect(0, 0, 1, 1);
    context.fillStyle = color;
    context.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = context.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  };
  const over = ([r, g, b, a], under) => [r, g, b].map((v, i) => v * a + under[i] * (1 - a));
  const behind = (e) => {
    if (!e) return [255, 255, 255];
    const own = rgba(getComputedStyle(e).backgroundColor);
    return own[3] === 1 ? own.slice(0, 3) : over(own, behind(e.parentElement));
  };
  const luminance = (color) => {
    const [r, g, b] = color.map((v) => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const low = [];
  for (const e of document.querySelectorAll("body *")) {
    const text = [...e.childNodes].filter((n) => n.nodeType === 3).map((n) => n.data.trim()).join("");
    const r = e.getBoundingClientRect();
    if (!text || e.closest("svg, noscript, .unseen, .skip, [aria-pressed=false].chip, [disabled]") || !e.checkVisibility({ visibilityProperty: true, opacityProperty: true }) || r.width < 2) continue;
    const under = behind(e);
    const [a, b] = [luminance(over(rgba(getComputedStyle(e).color), under)), luminance(under)];
    const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (contrast < 4.5) low.push(`${e.tagName}.${e.className} "${text.slice(0, 30)}" ${contrast.toFixed(2)}`);
  }
  return low;
})()
