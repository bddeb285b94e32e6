// The page that shows openapi.yaml: operations by tag, with their parameters, bodies and responses.

import { make, markdown } from "./markdown.js";
import { parse } from "./yaml.js";

const METHODS = ["get", "put", "post", "delete", "options", "head", "patch"];
const $ = (id) => document.getElementById(id);

const WRITTEN = "http://127.0.0.1:8080"; // the server URL in the examples of openapi.yaml
const address = new URL(".", location.href).href.replace(/\/$/, "");

try {
  const key = sessionStorage.getItem("api-key"); // stored by the detection page
  const response = await fetch("openapi.yaml", { headers: key ? { Authorization: `Bearer ${key}` } : {} });
  if (!response.ok) throw new Error(`the server answers ${response.status}`);
  show(parse((await response.text()).replaceAll(WRITTEN, address)));
} catch (error) {
  $("api").replaceChildren(make("p", { className: "none", role: "alert" }, `The description of the API could not be shown: ${error.message}.`));
}

function show(api) {
  if (typeof api?.openapi !== "string") throw new Error("it is not an OpenAPI description");
  const follow = resolver(api);
  $("title").textContent = api.info?.title ?? "API";
  $("version").textContent = api.info?.version ? `Version ${api.info.version}` : "";
  $("about").replaceChildren(...markdown(api.info?.description));
  const groups = Map.groupBy(operations(api), (o) => o.tag);
  const abouts = new Map((api.tags ?? []).map((t) => [t.name, t.description]));
  const order = [...abouts.keys(), ...groups.keys()];
  const sorted = [...groups].sort(([a], [b]) => order.indexOf(a) - order.indexOf(b));
  $("api").replaceChildren(...sorted.map(([tag, all]) => group(tag, abouts.get(tag), all, follow)));
  $("contents").replaceChildren(...sorted.map(([tag, all]) => contents(tag, all)));
  if (location.hash) document.querySelector(`[id="${CSS.escape(location.hash.slice(1))}"]`)?.scrollIntoView();
}

/** operations lists all operations, each with its path, method, tag and the parameters of its path. */
function operations(api) {
  return Object.entries(api.paths ?? {}).flatMap(([path, item]) =>
    METHODS.filter((m) => item[m]).map((method) => ({
      ...item[method],
      path,
      method,
      tag: item[method].tags?.[0] ?? "API",
      parameters: [...(item.parameters ?? []), ...(item[method].parameters ?? [])],
      id: item[method].operationId ?? `${method}${path.replace(/\W+/g, "-")}`,
    })),
  );
}

/** resolver returns a function that follows $ref within the document. */
function resolver(api) {
  return function follow(node) {
    if (!node?.$ref) return node;
    const found = node.$ref.replace(/^#\//, "").split("/").reduce((at, key) => at?.[key.replaceAll("~1", "/").replaceAll("~0", "~")], api);
    return found ? { ...follow(found), refName: node.$ref.split("/").at(-1) } : { description: `${node.$ref} is missing` };
  };
}

function contents(tag, all) {
  const links = all.map((o) => make("li", {}, make("a", { href: `#${o.id}` }, badge(o.method), make("span", {}, o.path))));
  return make("section", {}, make("h2", {}, tag), make("ul", {}, ...links));
}

function group(tag, about, all, follow) {
  return make("section", { className: "group" }, make("h2", {}, tag), ...markdown(about), ...all.map((o) => operation(o, follow)));
}

function operation(o, follow) {
  const body = follow(o.requestBody);
  const section = make("article", { className: "operation", id: o.id },
    make("h3", {}, badge(o.method), make("code", {}, o.path), o.deprecated ? make("span", { className: "quiet" }, "deprecated") : ""),
    o.summary ? make("p", { className: "lead" }, o.summary) : "",
    ...markdown(o.description));
  if (o.parameters.length) section.append(make("h4", {}, "Parameters"), parameters(o.parameters.map(follow), follow));
  if (body) section.append(make("h4", {}, "Body"), ...markdown(body.description), ...media(body.content, follow));
  section.append(make("h4", {}, "Responses"), ...Object.entries(o.responses ?? {}).map(([status, r]) => answer(status, follow(r), follow)));
  return section;
}

function parameters(all, follow) {
  return make("dl", { className: "fields" }, ...all.flatMap((p) => {
    const schema = follow(p.schema) ?? {};
    return [
      make("dt", {}, make("code", {}, p.name), make("span", {}, `${p.in}, ${typeName(schema, follow)}`), p.required ? make("strong", {}, "required") : ""),
      make("dd", {}, ...markdown(p.description ?? schema.description), ...limits(schema)),
    ];
  }));
}

function answer(status, response, follow) {
  const kind = /^2/.test(status) ? "good" : /^[45]/.test(status) ? "bad" : "";
  const head = [make("code", { className: `status ${kind}` }, status), make("span", {}, (response.description ?? "").trim())];
  const headers = Object.entries(response.headers ?? {}).map(([name, h]) => ({ name, in: "header", ...follow(h) }));
  const parts = [...(headers.length ? [parameters(headers, follow)] : []), ...media(response.content, follow)];
  if (parts.length === 0) return make("p", { className: "answer" }, ...head);
  return make("details", { className: "answer", open: status === "200" }, make("summary", {}, ...head), ...parts);
}

function media(content, follow) {
  return Object.entries(content ?? {}).flatMap(([type, m]) => {
    const schema = follow(m.schema);
    const examples = m.example !== undefined ? [["Example", { value: m.example }]] : Object.entries(m.examples ?? {});
    return [
      make("p", { className: "media" }, make("code", {}, type), schema?.refName ? ` ${schema.refName}` : ""),
      ...(schema ? fields(schema, follow) : []),
      ...examples.map(([name, e]) => example(follow(e).summary ?? name, follow(e).value)),
    ];
  });
}

function example(name, value) {
  return make("figure", { className: "example" }, make("figcaption", {}, name), make("pre", { tabIndex: 0 }, typeof value === "string" ? value : JSON.stringify(value, null, 2)));
}

/** fields lists the properties of an object, with nested objects indented below them. */
function fields(schema, follow, depth = 0) {
  const inner = schema.type === "array" ? follow(schema.items) : schema;
  const alternatives = inner?.oneOf ?? inner?.anyOf;
  if (alternatives?.map(follow).every(plain(follow))) return depth === 0 ? [make("p", { className: "quiet" }, typeName(schema, follow))] : [];
  if (alternatives) {
    return [make("p", { className: "quiet" }, "One of:"), ...alternatives.map(follow).map((s, i) => make("div", { className: "nested" }, make("p", { className: "media" }, s.title ?? s.refName ?? typeName(s, follow) ?? i), ...fields(s, follow, depth + 1)))];
  }
  const whole = inner?.allOf ? merge(inner.allOf.map(follow)) : inner;
  const properties = Object.entries(whole?.properties ?? {});
  if (properties.length === 0) return depth === 0 && schema.type ? [make("p", { className: "quiet" }, typeName(schema, follow)), ...limits(schema)] : [];
  return [make("dl", { className: "fields" }, ...properties.flatMap(([name, p]) => {
    const s = follow(p);
    return [
      make("dt", {}, make("code", {}, name), make("span", {}, typeName(s, follow)), whole.required?.includes(name) ? "" : make("em", {}, "optional")),
      make("dd", {}, ...markdown(s.description), ...limits(s), ...(depth < 6 ? fields(s, follow, depth + 1) : [])),
    ];
  }))];
}

/** plain reports whether a schema has no objects, so that its type name describes it. */
function plain(follow) {
  return (s) => !s.properties && !s.allOf && (s.oneOf ?? s.anyOf ?? []).map(follow).every(plain(follow)) && (!s.items || plain(follow)(follow(s.items)));
}

function merge(schemas) {
  return schemas.reduce((all, s) => ({ ...all, ...s, properties: { ...all.properties, ...s.properties }, required: [...(all.required ?? []), ...(s.required ?? [])] }), {});
}

function typeName(schema, follow) {
  if (schema.type === "array") return `list of ${typeName(follow(schema.items) ?? {}, follow)}`;
  if (schema.refName && schema.properties) return schema.refName;
  const alternatives = schema.oneOf ?? schema.anyOf;
  if (alternatives) return alternatives.map((s) => typeName(follow(s), follow)).join(" or ");
  const type = Array.isArray(schema.type) ? schema.type.join(" or ") : schema.type ?? (schema.properties ? "object" : "any");
  return schema.format ? `${type} (${schema.format})` : type;
}

function limits(s) {
  const parts = [];
  if (s.enum) parts.push(`one of ${s.enum.join(", ")}`);
  if (s.const !== undefined) parts.push(`always ${s.const}`);
  const low = s.minimum ?? s.exclusiveMinimum, high = s.maximum ?? s.exclusiveMaximum;
  if (low !== undefined && high !== undefined) parts.push(`${low} to ${high}`);
  else if (low !== undefined) parts.push(`at least ${low}`);
  else if (high !== undefined) parts.push(`at most ${high}`);
  if (s.default !== undefined) parts.push(`default ${JSON.stringify(s.default)}`);
  if (s.example !== undefined) parts.push(`for example ${JSON.stringify(s.example)}`);
  return parts.length ? [make("p", { className: "quiet" }, parts.join("; "))] : [];
}

function badge(method) {
  return make("span", { className: `method ${method}` }, method.toUpperCase());
}
