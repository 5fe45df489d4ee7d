import { canonicalJson } from "../kernel/canonical-json.ts";
import { isJsonObject } from "../kernel/json.ts";
import { type Compared, type Difference, hasEqualBundle, hasEqualPackage, pairs, unpaired } from "./drift-side.ts";
import { schemaChange } from "./schema-change.ts";
import { scheduleId, type TaskDefinition, type WorkflowDefinition, workflowId } from "./workflow.ts";

export function* structureChanges(before: Compared, after: Compared): Iterable<Difference> {
  for (const { name, isNew } of unpaired(before.workflows.map(nameIn), after.workflows.map(nameIn))) {
    yield { subject: idOf(after, name), message: isNew ? "the workflow is new" : "the workflow is gone" };
  }
  for (const { was, is } of pairs(before.workflows, after.workflows))
    yield* tasksChanged(was, is, idOf(after, is.name));
}

function* tasksChanged(was: WorkflowDefinition, is: WorkflowDefinition, id: string): Iterable<Difference> {
  for (const { name, isNew } of unpaired(was.tasks.map(nameIn), is.tasks.map(nameIn))) {
    yield { subject: workflowId(id, name), message: isNew ? "the task is new" : "the task is gone" };
  }
  const common = pairs(was.tasks, is.tasks);
  for (const { was: old, is: task } of common) {
    if (canonicalJson(old.after) === canonicalJson(task.after)) continue;
    yield { subject: workflowId(id, task.name), message: `comes ${places(task)}, before ${places(old)}` };
  }
  const order = common.map(({ is: task }) => task.name);
  const former = was.tasks.map(nameIn).filter((name) => order.includes(name));
  if (former.join() !== order.join()) yield { subject: id, message: "its tasks are written in another order" };
}

function places({ after }: TaskDefinition): string {
  return after.length === 0 ? "first" : `after ${after.join(", ")}`;
}

/** Whatever a definition says that is in no other component: a field that is new here is seen without being named. */
export function* policyChanges(before: Compared, after: Compared): Iterable<Difference> {
  for (const { was, is } of pairs(before.workflows, after.workflows)) {
    const id = idOf(after, is.name);
    yield* fieldChanges(policiesOfWorkflow(was), policiesOfWorkflow(is), id);
    for (const task of pairs(was.tasks, is.tasks)) {
      yield* fieldChanges(policiesOfTask(task.was), policiesOfTask(task.is), workflowId(id, task.is.name));
    }
  }
}

function policiesOfWorkflow(definition: WorkflowDefinition): object {
  const { name: _, description: __, params: ___, schedules: ____, tasks: _____, ...policies } = definition;
  return policies;
}

function policiesOfTask(definition: TaskDefinition): object {
  const { name: _, after: __, command: ___, ...policies } = definition;
  return policies;
}

export function* triggerChanges(before: Compared, after: Compared): Iterable<Difference> {
  for (const { was, is } of pairs(before.workflows, after.workflows)) {
    const id = idOf(after, is.name);
    for (const { name, isNew } of unpaired(was.schedules.map(nameIn), is.schedules.map(nameIn))) {
      yield { subject: scheduleId(id, name), message: isNew ? "the schedule is new" : "the schedule is gone" };
    }
    for (const rule of pairs(was.schedules, is.schedules)) {
      yield* fieldChanges(rule.was, rule.is, scheduleId(id, rule.is.name));
    }
  }
}

export function* schemaChanges(before: Compared, after: Compared): Iterable<Difference> {
  for (const { was, is } of pairs(before.workflows, after.workflows)) {
    const subject = idOf(after, is.name);
    const change = schemaChange(was.params, is.params);
    if (change) {
      const { compatible, reason } = change;
      yield { subject, message: `${compatible ? "compatible" : "breaking"}: ${reason}`, compatible };
      continue;
    }
    if (is.params === null || hasEqualPackage(before, after) || hasEqualBundle(before, after)) continue;
    yield* schemaCodeChanges(before, after, is.name);
  }
}

/** The JSON Schema is the same, and the author's schema may do more than it says. */
function* schemaCodeChanges(before: Compared, after: Compared, workflow: string): Iterable<Difference> {
  const subject = idOf(after, workflow);
  const [old, next] = [before.manifest?.fingerprint, after.manifest?.fingerprint];
  if (old?.schemas && next?.schemas) {
    if (old.schemas[workflow] === next.schemas[workflow]) return;
    const reason = "cannot tell what it takes: its code has changed, and its JSON Schema has not";
    yield { subject, message: `breaking: ${reason}`, compatible: false };
  } else if (!old || !next || old.schemas || next.schemas) {
    yield { subject, message: "its JSON Schema is the same, but no digest of its code is kept", isUnknown: true };
  }
}

/** One difference for all changed fields of a thing. */
function* fieldChanges(was: object, is: object, subject: string): Iterable<Difference> {
  const [old, next] = [flat(was), flat(is)];
  const changed = [...new Set([...old.keys(), ...next.keys()])].filter((path) => old.get(path) !== next.get(path));
  if (changed.length === 0) return;
  const shown = changed.map((path) => `${path} ${old.get(path) ?? "unset"} → ${next.get(path) ?? "unset"}`);
  yield { subject, message: shown.join(", ") };
}

/** The JSON text of each leaf by its path, sorted. */
function flat(value: object): Map<string, string> {
  const leaves = new Map<string, string>();
  const visit = (member: unknown, path: string): void => {
    if (isJsonObject(member) && Object.keys(member).length > 0) {
      for (const key of Object.keys(member).sort()) visit(member[key], path === "" ? key : `${path}.${key}`);
    } else leaves.set(path, canonicalJson(member));
  };
  visit(value, "");
  return leaves;
}

function nameIn({ name }: { name: string }): string {
  return name;
}

function idOf(side: Compared, workflow: string): string {
  return workflowId(side.package.name, workflow);
}
