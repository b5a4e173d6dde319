import { describe, expect, it } from '@jest/globals';
import { writeCsv } from './csv.ts';
import { selectBest } from '../selection/select.ts';
import { candidateOf, settingsOf } from '../selection/testing.ts';

describe('writeCsv', () => {
  const csv = writeCsv(
    selectBest({
      candidates: [
        candidateOf(
          'a',
          { val_acc: 0.4, complexity: 200 },
          { names: ['one', 'a "quoted", name'], testFigures: { val_acc: 0.38 } },
        ),
        candidateOf('b', { val_acc: 0.1, complexity: 100 }),
        candidateOf('c', { complexity: 3 }, { origin: 'history' }),
      ],
      settings: settingsOf({ val_acc: 2, complexity: 0.5 }),
      data: { name: 'synthetic', source: 's', identity: 'i' },
      otherData: 0,
      warnings: [],
    }),
  );

  it('has a header, a row a candidate, CRLF at each end, and equally many cells', () => {
    expect(csv.endsWith('\r\n')).toBe(true);
    const lines = csv.slice(0, -2).split('\r\n');
    expect(lines).toHaveLength(4);
    expect(lines.join('')).not.toMatch(/[\r\n]/);
    const cells = lines.map((line) => line.replaceAll(/"(?:[^"]|"")*"/g, 'quoted').split(',').length);
    expect(new Set(cells)).toEqual(new Set([8 + 15 + 2 + 1]));
  });

  it('quotes what needs it, leaves unknown cells empty, and has points and test figures', () => {
    const [head, first, , last] = csv.split('\r\n');
    expect(head).toBe(
      'rank,score,names,id,origin,pareto,excluded,evaluated_at,val_loss,val_acc,top5,precision,recall,fpr,f1_score,ece,complexity,macs,model_bytes,' +
        'mean_predictions_time,latency_p50,latency_p95,throughput,val_acc_points,complexity_points,test_val_acc',
    );
    expect(first).toBe(
      '1,2.25,"one; a ""quoted"", name",a,run,true,,2026-01-02T03:04:05.678Z,,0.4,,,,,,,200,,,,,,,2,0.25,0.38',
    );
    expect(last).toBe(',,c,c,history,false,val_acc is not known,2026-01-02T03:04:05.678Z,,,,,,,,,3,,,,,,,,,');
  });
});
