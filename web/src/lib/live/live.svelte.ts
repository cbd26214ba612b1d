import { api, fetched, SENT_BY_US } from '$lib/api/client';
import { asApiError } from '$lib/api/errors';
import type { Drive, Execution, Progress, StoredEvent, TapeChange, ThroughputNews } from '$lib/api/types';
import { session } from '$lib/state/session.svelte';
import { EventList } from './events.svelte';
import { gate } from './gate';
import { readEvents, type ServerEvent } from './stream';
import { ThroughputHistory } from './throughput.svelte';

/** What news can be about: categories of stored events, names of transient ones, and kinds of objects that somebody changed. */
export type Topic =
	| 'tape'
	| 'drive'
	| 'library'
	| 'backup'
	| 'restore'
	| 'job'
	| 'source'
	| 'pool'
	| 'notification'
	| 'settings'
	| 'user'
	| 'api_key'
	| 'system'
	| 'encryption'
	| 'execution'
	| 'tape_change';

type Connection = 'connecting' | 'open' | 'lost';

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 15_000;
/** News come in flocks: lists are asked for once per flock. */
const FLOCK_MS = 250;

/**
 * What is going on now, on every page: drives, running work, requests for tapes, and the stream of news that keeps them
 * fresh. The stream reconnects by itself and catches up from the last event it had.
 */
class Live {
	connection = $state<Connection>('connecting');
	drives = $state.raw<Drive[]>([]);
	executions = $state.raw<Execution[]>([]);
	tapeChanges = $state.raw<TapeChange[]>([]);
	/** Whether the three lists have been answered once. */
	ready = $state(false);
	/** Since when there is no connection. */
	lostSince = $state<Date | null>(null);
	readonly events = new EventList();
	readonly throughput = new ThroughputHistory();
	#listeners = new Map<Topic, Set<() => void>>();
	#heard = new Set<Topic>();
	#flock: ReturnType<typeof setTimeout> | undefined;
	#abort: AbortController | undefined;

	/** Calls back when news of this kind arrives, at most a few times a second. Returns how to stop. */
	on(topic: Topic, listener: () => void): () => void {
		const listeners = this.#listeners.get(topic) ?? new Set();
		listeners.add(listener);
		this.#listeners.set(topic, listeners);
		return () => listeners.delete(listener);
	}

	start(): void {
		this.stop();
		gate.close();
		const abort = new AbortController();
		this.#abort = abort;
		void this.#run(abort.signal);
	}

	stop(): void {
		this.#abort?.abort();
		this.#abort = undefined;
		clearTimeout(this.#flock);
		this.#flock = undefined;
		this.#heard.clear();
		gate.open();
	}

	/** Forgets everything: another user logs in. */
	reset(): void {
		this.stop();
		this.ready = false;
		this.drives = [];
		this.executions = [];
		this.tapeChanges = [];
		this.events.clear();
		this.throughput.clear();
	}

	async #run(signal: AbortSignal): Promise<void> {
		let wait = FIRST_WAIT_MS;
		while (!signal.aborted) {
			this.connection = this.lostSince ? 'lost' : 'connecting';
			const opened = () => {
				wait = FIRST_WAIT_MS;
				this.connection = 'open';
				this.lostSince = null;
				void this.#catchUp(!gate.open());
			};
			try {
				const headers: Record<string, string> = { ...SENT_BY_US };
				if (this.events.last) headers['last-event-id'] = this.events.last;
				const status = await readEvents('/api/v1/events/stream', headers, signal, opened, (event) => this.#take(event));
				if (status === 401) return session.expired();
			} catch {
				// The line broke: below we try again.
			}
			if (signal.aborted) return;
			gate.open();
			this.connection = 'lost';
			this.lostSince ??= new Date();
			await new Promise((resolve) => setTimeout(resolve, wait * (0.75 + Math.random() / 2)));
			wait = Math.min(wait * 2, LONGEST_WAIT_MS);
		}
	}

	/** `missed`: pages may have asked before there was a line, and missed transient news since. */
	async #catchUp(missed: boolean): Promise<void> {
		await Promise.all([this.events.load(), this.#refreshDrives(), this.#refreshExecutions(), this.#refreshTapeChanges()]);
		this.ready = true;
		this.throughput.catchUp();
		if (missed) this.#tellPages(this.#listeners.keys());
	}

	#take(event: ServerEvent): void {
		let data: unknown;
		try {
			data = JSON.parse(event.data);
		} catch {
			return;
		}
		if (event.event === 'message') {
			const stored = data as StoredEvent;
			this.events.add(stored, true);
			this.#hear(stored.category as Topic);
			return;
		}
		if (event.event === 'throughput') this.throughput.hear(data as ThroughputNews);
		else if (event.event === 'execution') this.#progress(data as Progress | { execution_id: number; status: string });
		else this.#hear(event.event as Topic);
	}

	#progress(news: Progress | { execution_id: number; status: string }): void {
		const at = this.executions.findIndex((execution) => execution.id === news.execution_id);
		const known = this.executions[at];
		if ('status' in news || !known) {
			this.#hear('execution');
			this.#hear('drive');
			return;
		}
		this.throughput.look(news);
		this.executions = this.executions.with(at, withProgress(known, news));
	}

	#hear(topic: Topic): void {
		this.#heard.add(topic);
		this.#flock ??= setTimeout(() => this.#tell(), FLOCK_MS);
	}

	#tell(): void {
		this.#flock = undefined;
		const heard = new Set(this.#heard);
		this.#heard.clear();
		if (heard.has('drive') || heard.has('tape') || heard.has('library')) void this.#refreshDrives();
		if (heard.has('execution') || heard.has('tape_change')) void this.#refreshExecutions();
		if (heard.has('tape_change')) void this.#refreshTapeChanges();
		this.#tellPages(heard);
	}

	/** Once each, however much of what it listens to has changed. */
	#tellPages(topics: Iterable<Topic>): void {
		const told = new Set([...topics].flatMap((topic) => [...this.#listeners.get(topic) ?? []]));
		told.forEach((listener) => listener());
	}

	#refreshDrives = () => keep(async () => (this.drives = await fetched(api.GET('/api/v1/drives'))));

	#refreshExecutions = () =>
		keep(async () => {
			const query = { status: 'active', limit: 50 };
			this.executions = await fetched(api.GET('/api/v1/executions', { params: { query } }));
		});

	#refreshTapeChanges = () =>
		keep(async () => {
			const query = { status: 'open', limit: 50 };
			this.tapeChanges = await fetched(api.GET('/api/v1/tape-changes', { params: { query } }));
		});
}

/** An execution with newer figures laid over it. */
export function withProgress(execution: Execution, progress: Progress): Execution {
	return {
		...execution,
		status: execution.status === 'pending' ? 'running' : execution.status,
		phase: progress.phase || execution.phase,
		message: progress.phase ? progress.message : execution.message,
		files_processed: progress.file_count,
		files_total: progress.total_files,
		bytes_processed: progress.bytes_processed,
		bytes_total: progress.total_bytes,
		bytes_written: progress.bytes_written,
		warning_count: progress.warning_count,
		write_speed: progress.write_speed,
		buffer_percent: progress.buffer_percent,
		estimated_seconds_remaining: progress.estimated_seconds_remaining,
		current_path: progress.current_path,
		progress
	};
}

/** The old list stays when a new one cannot be had: the frame says that the connection is lost. */
async function keep(work: () => Promise<unknown>): Promise<void> {
	try {
		await work();
	} catch (thrown) {
		console.warn('cannot refresh:', asApiError(thrown).message);
	}
}

export const live = new Live();
