// A parser for the subset of YAML that openapi.yaml uses: block and flow collections, quoted, plain, literal and folded
// scalars, comments. Anchors, aliases, tags and several documents are errors that name the line.

/** parse returns the value of a YAML document, with the types of JSON.parse. */
export function parse(text) {
  const reader = new Reader(text);
  const value = reader.block(0);
  if (reader.peek()) reader.fail("expected the end");
  return value;
}

const KEY = /^("(?:[^"\\]|\\.)*"|'(?:[^']|'')*'|(?:[^\s"'[\]{}#&*!|>%@`,:-]|[-:](?=\S))(?:[^:]|:(?=\S))*?)\s*:(?=\s|$)/;

class Reader {
  constructor(text) {
    this.lines = text.replace(/^\ufeff/, "").split(/\r?\n/);
    this.at = 0;
  }

  fail(what) {
    throw new Error(`line ${this.at + 1}: ${what}`);
  }

  /** peek skips blank lines and returns indent and content of the next line, or null at the end. */
  peek() {
    for (; this.at < this.lines.length; this.at++) {
      const line = this.lines[this.at];
      if (line.startsWith("---") || /^\s*(#|$)/.test(line)) continue;
      if (/^ *\t/.test(line)) this.fail("a tab in the indent");
      const indent = line.search(/\S/);
      return { indent, content: line.slice(indent) };
    }
    return null;
  }

  /** block reads the value that starts on the next line. It returns null if that line is indented less than this. */
  block(least) {
    const line = this.peek();
    if (!line || line.indent < least) return null;
    if (/^-(\s|$)/.test(line.content)) return this.sequence(line.indent);
    if (KEY.test(line.content)) return this.mapping(line.indent);
    this.at++;
    return this.value(line.content, least - 1);
  }

  sequence(indent) {
    const items = [];
    for (let line; (line = this.peek()) && line.indent === indent && /^-(\s|$)/.test(line.content); ) {
      // The rest of the line is a nested block, whose indent is the column of its text.
      this.lines[this.at] = `${" ".repeat(indent + 1)}${line.content.slice(1)}`;
      items.push(this.block(indent + 1));
    }
    return items;
  }

  mapping(indent) {
    const map = {};
    for (let line, match; (line = this.peek()) && line.indent === indent && (match = KEY.exec(line.content)); ) {
      const key = /^["']/.test(match[1]) ? this.value(match[1], indent) : match[1];
      if (Object.hasOwn(map, key)) this.fail(`the key ${key} occurs twice`);
      this.at++;
      const rest = line.content.slice(match[0].length).trim();
      map[key] = rest === "" || rest.startsWith("#") ? this.nested(indent) : this.value(rest, indent);
    }
    const line = this.peek();
    if (line && line.indent > indent) this.fail("unexpected indent");
    return map;
  }

  /** nested reads the value below a key with nothing behind it. A sequence there need not be indented. */
  nested(indent) {
    const line = this.peek();
    if (line?.indent === indent && /^-(\s|$)/.test(line.content)) return this.sequence(indent);
    return this.block(indent + 1);
  }

  /** value reads a scalar or flow collection whose first line has been consumed and holds `text`; its parent's indent is `indent`. */
  value(text, indent) {
    if (/^[|>]/.test(text)) return this.literal(text, indent);
    if (/^[&*!]/.test(text)) this.fail(`${text[0]} is not supported`);
    if (/^["'[{]/.test(text)) return this.flow(text);
    const parts = [plainEnd(text)];
    for (let line; (line = this.peek()) && line.indent > indent && this.lines[this.at - 1].trim() !== ""; this.at++) {
      parts.push(plainEnd(line.content));
    }
    const whole = parts.join(" ");
    if (/:(\s|$)/.test(whole)) {
      this.at--;
      this.fail("a second colon in a plain value");
    }
    return scalar(whole);
  }

  /** literal reads a | or > scalar. */
  literal(header, indent) {
    const [, style, chomp] = /^([|>])([+-]?)\s*(#.*)?$/.exec(header) ?? this.fail("unknown header of a block scalar");
    const taken = [];
    let own = null;
    for (; this.at < this.lines.length; this.at++) {
      const line = this.lines[this.at];
      const depth = line.search(/\S/);
      if (depth >= 0) {
        own ??= depth;
        if (depth <= indent || depth < own) break;
      }
      taken.push(depth < 0 ? "" : line.slice(own));
    }
    let end = taken.length;
    while (end > 0 && taken[end - 1] === "") end--;
    const kept = chomp === "+" ? taken.length - end : 0;
    let body = taken.slice(0, end).join("\n");
    // Folding: a single line break is a space, unless a line beside it is blank or indented.
    if (style === ">") body = body.replace(/([^\n]+)\n(?=(\n*))(?! )/g, (all, line, more) => (/^ /.test(line) ? all : more ? line : `${line} `));
    return body === "" ? "" : body + (chomp === "-" ? "" : "\n".repeat(1 + kept));
  }

  /** flow reads a value in quotes or brackets, which may span lines. */
  flow(text) {
    const all = [text, ...this.lines.slice(this.at)].join("\n");
    const cursor = new Flow(all, (what) => this.fail(what));
    const value = cursor.value();
    const end = all.indexOf("\n", cursor.at);
    const rest = all.slice(cursor.at, end < 0 ? undefined : end);
    if (!/^\s*(#.*)?$/.test(rest)) this.fail(`unexpected ${rest.trim()}`);
    this.at += all.slice(0, cursor.at).split("\n").length - 1;
    return value;
  }
}

class Flow {
  constructor(text, fail) {
    Object.assign(this, { text, fail, at: 0 });
  }

  skip() {
    this.at += /^(?:\s|(?<=\s)#.*)*/.exec(this.text.slice(this.at))[0].length;
  }

  take(pattern, what) {
    const match = pattern.exec(this.text.slice(this.at)) ?? this.fail(`expected ${what}`);
    this.at += match[0].length;
    return match[0];
  }

  value() {
    this.skip();
    const c = this.text[this.at];
    if (c === "[") return this.list("]", (items) => items.push(this.value()), []);
    if (c === "{") return this.list("}", (map) => this.entry(map), {});
    if (c === '"') return double(this.take(/^"(?:[^"\\]|\\[^])*"/, "the closing quote"));
    if (c === "'") return fold(this.take(/^'(?:[^']|'')*'/, "the closing quote").slice(1, -1)).replaceAll("''", "'");
    return scalar(fold(this.take(/^(?:[^,[\]{}:#]|:(?![\s,\]}])|(?<!\s)#)+/, "a value")).trim());
  }

  list(end, one, into) {
    this.at++;
    for (this.skip(); this.text[this.at] !== end; this.skip()) {
      one(into);
      this.skip();
      if (this.text[this.at] === ",") this.at++;
      else if (this.text[this.at] !== end) this.fail(`expected , or ${end}`);
    }
    this.at++;
    return into;
  }

  entry(map) {
    const key = this.value();
    this.skip();
    if (this.text[this.at] !== ":") {
      map[key] = null;
      return;
    }
    this.at++;
    this.skip();
    map[key] = /[,}]/.test(this.text[this.at]) ? null : this.value();
  }
}

function plainEnd(text) {
  return text.replace(/\s+#.*$/, "").trim();
}

function fold(text) {
  return text.replace(/[ \t]*\n\s*/g, " ");
}

function double(quoted) {
  const joined = fold(quoted.replace(/\\\n\s*/g, ""));
  return JSON.parse(joined.replace(/\\x([0-9a-fA-F]{2})/g, "\\u00$1").replace(/\\e/g, "\\u001b").replace(/\\ /g, " ").replace(/\t/g, "\\t"));
}

function scalar(text) {
  if (/^(~|null|Null|NULL|)$/.test(text)) return null;
  if (/^(true|True|TRUE)$/.test(text)) return true;
  if (/^(false|False|FALSE)$/.test(text)) return false;
  if (/^[-+]?(0|[1-9][0-9]*)$/.test(text) || /^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$/.test(text)) return Number(text);
  return text;
}
