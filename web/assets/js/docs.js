// The API page: Swagger UI with the server's openapi.yaml.

const WRITTEN = "http://127.0.0.1:8080"; // the server URL in the examples of openapi.yaml
const address = new URL(".", location.href).href.replace(/\/$/, "");
const key = sessionStorage.getItem("api-key"); // stored by the detection page
const dark = matchMedia("(prefers-color-scheme: dark)");

const scheme = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
dark.addEventListener("change", scheme);
scheme();

/** name gives controls the names, and scrolling texts the tab stops, that Swagger UI does not give them. */
function name() {
  for (const control of document.querySelectorAll(":is(#api select, #api input, #api textarea):not([aria-label])")) {
    const row = control.closest("[data-param-name], [data-property-name], tr");
    const text = row?.dataset.paramName ?? row?.dataset.propertyName ?? row?.cells?.[0]?.textContent ?? control.closest(".servers, .opblock-section-request-body")?.className.split(" ")[0];
    control.setAttribute("aria-label", { servers: "Server", "opblock-section": "Request body" }[text] ?? text?.trim() ?? "Value");
  }
  for (const text of document.querySelectorAll("#api :is(pre:not(.version), .microlight):not([tabindex])")) {
    text.tabIndex = 0;
    text.setAttribute("role", "group");
    text.setAttribute("aria-label", "Text");
  }
}

new MutationObserver(name).observe(document.getElementById("api"), { childList: true, subtree: true });

SwaggerUIBundle({
  dom_id: "#api",
  url: "openapi.yaml",
  validatorUrl: null, // it would be another host
  queryConfigEnabled: false,
  docExpansion: "list",
  defaultModelsExpandDepth: -1, // they are within the operations
  tryItOutEnabled: true,
  syntaxHighlight: false, // for many boxes it takes seconds
  requestInterceptor: (request) => {
    if (key && !request.headers.Authorization) request.headers.Authorization = `Bearer ${key}`;
    return request;
  },
  responseInterceptor: (response) => {
    if (!response.ok || !response.url.endsWith("/openapi.yaml")) return response;
    // Examples and "Execute" name this server, also behind a proxy below any path.
    const text = `${response.text.replaceAll(WRITTEN, address)}\nservers:\n  - url: ${JSON.stringify(address)}\n`;
    return { ...response, text, data: text };
  },
});
