// Which preview images are embedded. The page must stay small with many models or large images, so there is a budget in bytes: for each model, and
// for the page, where the best models come first.

import { formatShare } from './figures.ts';
import type { PreviewView } from './panel.ts';
import type { ModelRecord, PreviewImage } from './records.ts';

/** In bytes of PNG. */
export interface PreviewBudget {
  readonly images: number;
  readonly model: number;
  readonly page: number;
}

export const defaultBudget: PreviewBudget = { images: 24, model: 192 * 1024, page: 4 * 1024 * 1024 };

export interface PreviewChoice {
  readonly preview: readonly PreviewView[];
  /** Why there are none or fewer; empty where there is nothing to say. */
  readonly note: string;
}

/** The previews of each record, in the same order. */
export function choosePreviews(
  records: readonly ModelRecord[],
  budget: PreviewBudget = defaultBudget,
): PreviewChoice[] {
  let left = budget.page;
  return records.map(({ preview }) => {
    if (preview === null) return { preview: [], note: 'The preview images are no longer in the cache.' };
    const chosen: PreviewImage[] = [];
    let allowed = Math.min(budget.model, left);
    for (const image of preview) {
      const bytes = image.png?.length ?? 0;
      if (chosen.length === budget.images || bytes > allowed) break;
      allowed -= bytes;
      left -= bytes;
      chosen.push(image);
    }
    const missing = preview.length - chosen.length;
    return {
      preview: chosen.map(embed),
      note: missing === 0 ? '' : `${missing} more left out, to keep this page small.`,
    };
  });
}

function embed({ png, correct, truth, predicted, confidence }: PreviewImage): PreviewView {
  return {
    src: png === null ? null : `data:image/png;base64,${png.toString('base64')}`,
    correct,
    truth,
    predicted,
    confidence: formatShare(confidence),
    alt: correct ? `${truth}, recognised` : `${truth}, taken for ${predicted}`,
  };
}
