/**
 * Mutation operators: each changes one place in a function and knows the place by its shape, so that renamed variables
 * and reformatted code do not matter. An operator throws if it finds no place or more than one.
 */
import ts from 'typescript';

/** @typedef {{ start: number, end: number, text: string }} Edit */
/** @typedef {(scope: ts.Node) => Edit} Operator */
/** @typedef {(node: ts.Node) => boolean} Matcher */

/**
 * The source of a file with one fault in it.
 * @param {string} source
 * @param {string} path names of nested functions, methods and objects, such as `createReadTransition.apply`
 * @param {Operator} operator
 */
export function mutate(source, path, operator) {
  const file = ts.createSourceFile('mutated.ts', source, ts.ScriptTarget.Latest, true);
  const { start, end, text } = operator(path.split('.').reduce(findDeclaration, /** @type {ts.Node} */ (file)));
  assertKnownNames(text, file);
  return source.slice(0, start) + text + source.slice(end);
}

/** Removes the statement with this call. @param {string} callee */
export const dropCallTo = (callee) => onCall(callee, (call) => replace(findParent(call, ts.isStatement), ';'));

/** Replaces a call with its arguments. @param {string} callee @param {string} text */
export const replaceCall = (callee, text) => onCall(callee, (call) => replace(call, text));

/** Replaces the arguments of a call. @param {string} callee @param {string} text */
export const replaceArguments = (callee, text) =>
  onCall(callee, ({ arguments: { pos, end } }) => ({ start: pos, end, text }));

/** Replaces the last call of a chain, `receiver.method(…)`, by `receiver`. @param {string} method */
export const skipLastCall = (method) =>
  onCall(
    method,
    (call) => replace(call, /** @type {ts.PropertyAccessExpression} */ (call.expression).expression.getText()),
    (call) => !ts.isPropertyAccessExpression(call.parent),
  );

/** Removes the `if` that throws an error with this code. @param {string} code */
export const dropThrow = (code) => onThrow(code, (node) => replace(findParent(node, ts.isIfStatement), ';'));

/**
 * Replaces a `throw`. Without a code the function must contain one throw only.
 * @param {string | undefined} code an error code, or the function that creates the error
 * @param {string} statement
 */
export const replaceThrow = (code, statement) => onThrow(code, (node) => replace(node, statement));

/** Removes the `if` that returns this value. @param {string} value */
export const dropReturn = (value) => onReturn(value, (node) => replace(findParent(node, ts.isIfStatement), ';'));

/** Replaces the value of a `return`. @param {string} value @param {string} text */
export const replaceReturn = (value, text) => onReturn(value, (node) => replace(node, `return ${text};`));

/**
 * Replaces a comparison.
 * @param {string} comparison the operator, or the operator and its right operand, such as `=== 'ok'`
 * @param {string} text
 */
export function replaceComparison(comparison, text) {
  const matches = (/** @type {ts.Node} */ node) => {
    if (!ts.isBinaryExpression(node)) return false;
    const operator = node.operatorToken.getText();
    return comparison === operator || comparison === `${operator} ${node.right.getText()}`;
  };
  return on(`comparison ${comparison}`, matches, (node) => replace(node, text));
}

/** Replaces the expression `a ? b : c`. @param {string} text */
export const replaceConditional = (text) =>
  on('conditional expression', ts.isConditionalExpression, (node) => replace(node, text));

/** Replaces the value of a property in an object literal. @param {string} name @param {string} text */
export const replaceProperty = (name, text) =>
  on(
    `property ${name}`,
    (node) => ts.isPropertyAssignment(node) && node.name.getText() === name,
    (node) => replace(/** @type {ts.PropertyAssignment} */ (node).initializer, text),
  );

/** @param {string} what @param {Matcher} matches @param {(node: ts.Node) => Edit} edit @returns {Operator} */
const on = (what, matches, edit) => (scope) => edit(findOne(scope, what, matches));

/** @param {string} callee @param {(call: ts.CallExpression) => Edit} edit @param {Matcher} [accepts] */
function onCall(callee, edit, accepts = () => true) {
  const matches = (/** @type {ts.Node} */ node) => {
    const text = ts.isCallExpression(node) ? node.expression.getText().replace(/\s|\?(?=\.)/g, '') : '';
    return (text === callee || text.endsWith(`.${callee}`)) && accepts(node);
  };
  return on(`call to ${callee}`, matches, (node) => edit(/** @type {ts.CallExpression} */ (node)));
}

/** @param {string | undefined} code @param {(node: ts.Node) => Edit} edit */
const onThrow = (code = '', edit) =>
  on(`throw of ${code || 'an error'}`, (node) => ts.isThrowStatement(node) && node.getText().includes(code), edit);

/** @param {string} value @param {(node: ts.Node) => Edit} edit */
const onReturn = (value, edit) =>
  on(`return ${value}`, (node) => ts.isReturnStatement(node) && node.expression?.getText() === value, edit);

/** @param {ts.Node} node @param {string} text @returns {Edit} */
const replace = (node, text) => ({ start: node.getStart(), end: node.getEnd(), text });

/** The node itself or its nearest ancestor of a kind. @param {ts.Node} node @param {Matcher} matches @returns {ts.Node} */
const findParent = (node, matches) => (matches(node) ? node : findParent(node.parent, matches));

/** A declaration of a function, an object or a class. @param {ts.Node} scope @param {string} name */
function findDeclaration(scope, name) {
  return findOne(scope, `function ${name}`, (node) => {
    if (node === scope || /** @type {{ name?: ts.Node }} */ (node).name?.getText() !== name) return false;
    const hasInitializer = ts.isPropertyAssignment(node) || ts.isVariableDeclaration(node);
    const value = (hasInitializer ? node.initializer : undefined) ?? node;
    const isFunction = ts.isFunctionLike(value) && /** @type {{ body?: ts.Node }} */ (value).body !== undefined;
    return isFunction || ts.isObjectLiteralExpression(value) || ts.isClassDeclaration(value);
  });
}

/** @param {ts.Node} scope @param {string} what @param {Matcher} matches @returns {ts.Node} */
function findOne(scope, what, matches) {
  const [found, ...others] = findAll(scope, matches);
  if (found === undefined) throw new Error(`has no ${what}`);
  if (others.length > 0) throw new Error(`has ${others.length + 1} × ${what}`);
  return found;
}

/** @param {ts.Node} node @param {Matcher} matches @returns {ts.Node[]} */
function findAll(node, matches) {
  const found = matches(node) ? [node] : [];
  node.forEachChild((child) => void found.push(...findAll(child, matches)));
  return found;
}

/** An unknown name would fail every test, whatever the fault. @param {string} text @param {ts.SourceFile} file */
function assertKnownNames(text, file) {
  const known = new Set(findAll(file, ts.isIdentifier).map((node) => node.getText()));
  const isName = (/** @type {ts.Node} */ node) => ts.isIdentifier(node) && !ts.isPropertyAccessExpression(node.parent);
  for (const node of findAll(ts.createSourceFile('text.ts', text, ts.ScriptTarget.Latest, true), isName)) {
    const name = node.getText();
    if (!known.has(name) && !(name in globalThis)) throw new Error(`does not know ${name}`);
  }
}
