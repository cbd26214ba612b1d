import { afterEach, beforeEach, expect, it, vi } from 'vitest';

/** What was asked, and the streams of news with how to open and to break each. */
const server = vi.hoisted(() => {
	const asked: string[] = [];
	const streams: { open: () => void; break: () => void }[] = [];
	const answer = (request: Request | string) => {
		const { pathname } = new URL(typeof request === 'string' ? `http://server${request}` : request.url);
		if (pathname !== '/api/v1/events/stream') {
			asked.push(pathname);
			return Promise.resolve(Response.json([]));
		}
		return new Promise<Response>((resolve, reject) => {
			let line: ReadableStreamDefaultController | undefined;
			const body = new ReadableStream({ start: (controller) => void (line = controller) });
			streams.push({ open: () => resolve(new Response(body)), break: () => (line?.error(new TypeError('gone')), reject(new TypeError('gone'))) });
		});
	};
	class FromHere extends Request {
		constructor(url: string | Request, init?: RequestInit) {
			super(typeof url === 'string' ? new URL(url, 'http://server') : url, init);
		}
	}
	vi.stubGlobal('fetch', answer);
	vi.stubGlobal('Request', FromHere);
	vi.stubGlobal('addEventListener', () => {});
	vi.stubGlobal('localStorage', { getItem: () => null, setItem: () => {} });
	return { asked, streams };
});

const { api, fetched } = await import('$lib/api/client');
const { Query } = await import('$lib/state/query.svelte');
const { live } = await import('./live.svelte');

/** A page: two questions, which are asked again on all kinds of news. */
function page() {
	const questions = [new Query(() => fetched(api.GET('/api/v1/jobs'))), new Query(() => fetched(api.GET('/api/v1/pools')))];
	const topics = ['job', 'backup', 'drive', 'execution', 'tape_change'] as const;
	const stops = questions.flatMap((question) => topics.map((topic) => live.on(topic, question.hear)));
	for (const question of questions) void question.start();
	return () => stops.forEach((stop) => stop());
}

/** How often each question was asked since the last look. */
function counts(): Record<string, number> {
	const counts: Record<string, number> = {};
	for (const path of server.asked.splice(0)) counts[path] = (counts[path] ?? 0) + 1;
	return counts;
}

const ONCE = { '/api/v1/jobs': 1, '/api/v1/pools': 1, '/api/v1/events': 1, '/api/v1/drives': 1, '/api/v1/executions': 1, '/api/v1/tape-changes': 1 };

let leave: () => void;
beforeEach(() => {
	vi.useFakeTimers();
	vi.spyOn(console, 'warn').mockImplementation(() => {});
	live.start();
	leave = page();
});
afterEach(() => {
	leave();
	live.reset();
	server.streams.length = 0;
	server.asked.length = 0;
	vi.useRealTimers();
});

it('asks everything once when a page is opened', async () => {
	await vi.advanceTimersByTimeAsync(200);
	expect(counts()).toEqual({});
	server.streams[0]?.open();
	await vi.advanceTimersByTimeAsync(5000);
	expect(counts()).toEqual(ONCE);
	expect([live.ready, live.connection]).toEqual([true, 'open']);
});

it('asks everything once more after the line was broken', async () => {
	server.streams[0]?.open();
	await vi.advanceTimersByTimeAsync(1000);
	counts();
	server.streams[0]?.break();
	await vi.advanceTimersByTimeAsync(2000);
	expect(counts()).toEqual({});
	server.streams[1]?.open();
	await vi.advanceTimersByTimeAsync(5000);
	expect(counts()).toEqual(ONCE);
});

it('waits for no stream that is late, and asks again what was asked before it', async () => {
	await vi.advanceTimersByTimeAsync(1500);
	expect(counts()).toEqual({ '/api/v1/jobs': 1, '/api/v1/pools': 1 });
	server.streams[0]?.open();
	await vi.advanceTimersByTimeAsync(5000);
	expect(counts()).toEqual(ONCE);
});

it('waits for no server that is not there', async () => {
	server.streams[0]?.break();
	await vi.advanceTimersByTimeAsync(100);
	expect(counts()).toEqual({ '/api/v1/jobs': 1, '/api/v1/pools': 1 });
	expect(live.connection).toBe('lost');
});
