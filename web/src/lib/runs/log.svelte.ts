import { api, fetched } from '$lib/api/client';
import { asApiError, type ApiError } from '$lib/api/errors';
import type { LogLine } from '$lib/api/types';

const PAGE = 500;

/** The lines of a run's log as they come, a page at a time: the server has them in order, and tells what is behind a line. */
export class RunLog {
	lines = $state.raw<LogLine[]>([]);
	error = $state.raw<ApiError | undefined>();
	loaded = $state(false);
	/** Whether there may be more than is here. */
	more = $state(false);
	#asking = false;

	constructor(
		private readonly execution: number,
		private readonly level: string
	) {}

	/** The next page behind what is here. */
	async next(): Promise<void> {
		if (this.#asking) return;
		this.#asking = true;
		try {
			const query = { after: this.lines.at(-1)?.id ?? 0, limit: PAGE, ...(this.level ? { level: this.level } : {}) };
			const params = { path: { id: this.execution }, query };
			const page = await fetched(api.GET('/api/v1/executions/{id}/logs', { params }));
			this.lines = [...this.lines, ...page];
			this.more = page.length === PAGE;
			this.error = undefined;
		} catch (thrown) {
			this.error = asApiError(thrown);
		}
		this.loaded = true;
		this.#asking = false;
	}

	/** What is new at the end; not while there is an unread page in between. */
	async follow(): Promise<void> {
		if (!this.more) await this.next();
	}
}
