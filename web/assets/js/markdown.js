// The subset of Markdown that openapi.yaml uses: paragraphs, lists, fenced code, `code`, **strong** and links. The result is elements, never HTML.

/** make creates an element with properties and children. */
export function make(name, properties, ...children) {
  const e = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key in e) e[key] = value;
    else e.setAttribute(key, value);
  }
  e.append(...children);
  return e;
}

/** markdown returns the elements of a text; none for undefined. */
export function markdown(text) {
  if (!text) return [];
  // Fenced code first, because it may contain blank lines.
  return text.split(/^```\w*\n([^]*?)^```\s*$/m).flatMap((part, i) => (i % 2 ? [make("pre", { tabIndex: 0 }, part.trimEnd())] : blocks(part)));
}

function blocks(text) {
  return text.split(/\n\s*\n/).map((b) => b.trim()).filter(Boolean).flatMap((block) => {
    const [head, ...items] = block.split(/^\s*[-*] /m);
    const paragraph = head.trim() ? [make("p", {}, ...inline(head))] : [];
    return items.length ? [...paragraph, make("ul", {}, ...items.map((item) => make("li", {}, ...inline(item))))] : paragraph;
  });
}

function inline(text) {
  return text.split(/(`[^`]+`|\*\*[^*]+\*\*|\[[^\]]+\]\([^)\s]+\))/).filter(Boolean).map((part) => {
    if (part.startsWith("`")) return make("code", {}, part.slice(1, -1));
    if (part.startsWith("**")) return make("strong", {}, part.slice(2, -2));
    const link = /^\[([^\]]+)\]\(([^)\s]+)\)$/.exec(part);
    if (link && /^(https?:|[./#\w][^:]*$)/.test(link[2])) return make("a", { href: link[2], rel: "noreferrer" }, link[1]);
    return part;
  });
}
