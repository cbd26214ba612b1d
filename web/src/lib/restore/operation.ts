import type { Schemas } from '$lib/api/types';

type Operation = Schemas['RestoreOperation'];
/** One page of the past restores. */
type Page = (limit: number, offset: number) => Promise<Operation[]>;

const PAGE = 100;

/** What was asked for with this execution; none if it is no restore. The newest come first: older ones than it are not read. */
export async function operationOf(execution: number, ask: Page): Promise<Operation | undefined> {
	for (let offset = 0; ; offset += PAGE) {
		const rows = await ask(PAGE, offset);
		const found = rows.find((row) => row.execution_id === execution);
		const older = rows.some((row) => row.execution_id !== null && row.execution_id !== undefined && row.execution_id < execution);
		if (found || older || rows.length < PAGE) return found;
	}
}
