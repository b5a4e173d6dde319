import { describe, expect, it } from '@jest/globals';
import { choosePreviews } from './previews.ts';
import type { ModelRecord, PreviewImage } from './records.ts';

const image = (bytes: number | null): PreviewImage => ({
  truth: 'oak <tree>',
  predicted: 'pine',
  confidence: 0.51,
  correct: false,
  png: bytes === null ? null : Buffer.alloc(bytes),
});
const record = (...sizes: number[]): ModelRecord => ({ preview: sizes.map(image) }) as unknown as ModelRecord;

describe('choosePreviews', () => {
  const budget = { images: 3, model: 100, page: 150 };

  it('stops at the number of images, at the budget of the model, and at that of the page', () => {
    const chosen = choosePreviews([record(1, 1, 1, 1), record(60, 60), record(80, 30), record(60)], budget);
    expect(chosen.map(({ preview }) => preview.length)).toEqual([3, 1, 1, 0]);
    expect(chosen[0]!.note).toBe('1 more left out, to keep this page small.');
    expect(chosen[3]!.note).toContain('1 more left out');
  });

  it('embeds images with what they show', () => {
    expect(choosePreviews([record(3)], budget)).toEqual([
      {
        preview: [
          {
            src: 'data:image/png;base64,AAAA',
            correct: false,
            truth: 'oak <tree>',
            predicted: 'pine',
            confidence: '51.0%',
            alt: 'oak <tree>, taken for pine',
          },
        ],
        note: '',
      },
    ]);
  });

  it('tells a missing image from a missing preview', () => {
    const gone = { preview: [image(null)] } as unknown as ModelRecord;
    const none = { preview: null } as unknown as ModelRecord;
    const [first, second] = choosePreviews([gone, none], budget);
    expect(first!.preview[0]!.src).toBeNull();
    expect(second!).toEqual({ preview: [], note: 'The preview images are no longer in the cache.' });
  });
});
