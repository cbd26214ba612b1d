import { describe, expect, it } from 'vitest';
import { operationOf } from './operation';

/** Executions `from`, `from - 1` … as restores, in pages as the server gives them; and the offsets that were asked for. */
function restores(from: number, count: number) {
	const offsets: number[] = [];
	const all = Array.from({ length: count }, (_, at) => ({ id: count - at, execution_id: from - at }) as never);
	const ask = (limit: number, offset: number) => {
		offsets.push(offset);
		return Promise.resolve(all.slice(offset, offset + limit));
	};
	return { ask, offsets };
}

describe('the restore of an execution', () => {
	it('is found however many came after it', async () => {
		const { ask, offsets } = restores(1000, 700);
		expect(await operationOf(455, ask)).toMatchObject({ execution_id: 455 });
		expect(offsets).toEqual([0, 100, 200, 300, 400, 500]);
	});
	it('is not looked for among older ones', async () => {
		const { ask, offsets } = restores(1000, 700);
		expect(await operationOf(2000, ask)).toBeUndefined();
		expect(offsets).toEqual([0]);
	});
	it('is none where there is none', async () => {
		expect(await operationOf(7, restores(0, 0).ask)).toBeUndefined();
	});
});
