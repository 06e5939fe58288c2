// What the playground's JavaScript must keep to: no slip in a name, and no way from a text to markup.
import js from "@eslint/js";
import globals from "globals";

const MARKUP =
  "/^(innerHTML|outerHTML|insertAdjacentHTML|setHTMLUnsafe|parseHTMLUnsafe|createContextualFragment|DOMParser|srcdoc)$/";
const markup = [`Identifier[name=${MARKUP}]`, `Literal[value=${MARKUP}]`].map((selector) => ({
  selector,
  message: "Texts never become markup: make elements with `make` of dom.js.",
}));
const elements = {
  selector: "MemberExpression[property.name=/^createElement(NS)?$/]",
  message: "dom.js is the only way to an element: use its `make`.",
};

export default [
  { ignores: [".venv/", "build/", "dist/", "runs/", "work/"] },
  js.configs.recommended,
  {
    languageOptions: { globals: globals.browser },
    linterOptions: { reportUnusedDisableDirectives: "error" },
    rules: {
      eqeqeq: "error",
      "no-eval": "error",
      "no-implied-eval": "error",
      "no-new-func": "error",
      "no-script-url": "error",
      "no-var": "error",
      "prefer-const": "error",
      "no-restricted-globals": ["error", "name", "event", "status", "length", "top", "parent", "self"], // slips, mostly
      "no-restricted-properties": [
        "error",
        { object: "document", property: "write" },
        { object: "document", property: "writeln" },
      ],
      "no-restricted-syntax": ["error", ...markup, elements],
    },
  },
  { files: ["**/first.js"], languageOptions: { sourceType: "script" } }, // runs before the page is drawn
  // dom.js makes the elements; arcs.js draws SVG and can be taken into a page of its own
  { files: ["**/dom.js", "**/arcs.js"], rules: { "no-restricted-syntax": ["error", ...markup] } },
];
