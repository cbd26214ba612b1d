import { expect, it, vi } from 'vitest';
import { Query } from './query.svelte';

// What is tested is how questions follow each other, not where the news come from.
vi.mock('$lib/live/live.svelte', () => ({ live: {} }));

it('asks once more for whatever was heard while an answer was awaited', async () => {
	const answers: ((value: string) => void)[] = [];
	const query = new Query(() => new Promise<string>((resolve) => void answers.push(resolve)));
	const asking = query.start();
	query.hear();
	query.hear();
	query.hear();
	expect(answers).toHaveLength(1);
	answers[0]?.('old');
	await expect.poll(() => answers.length).toBe(2);
	expect(query.data).toBe('old');
	answers[1]?.('new');
	await asking;
	expect([query.data, query.loading, answers.length]).toEqual(['new', false, 2]);
	query.hear();
	expect(answers).toHaveLength(3);
});
