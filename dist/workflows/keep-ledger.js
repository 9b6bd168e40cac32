import { isCancellation } from '@temporalio/workflow';
import { nameFailure } from './failure-code.js';
import { inference, rendering } from './steps.js';
/** Measures what the authors' code and record do otherwise than one would expect; runs after the tasks. */
export async function keepLedger({ config, folders }, stages) {
    const { nuclei } = stages;
    const declared = nuclei === undefined ? {} : await redetect();
    const rounded = await resegment();
    const { writeLedger } = rendering(config.temporal);
    await writeLedger.executeWithOptions({ summary: 'discrepancy ledger' }, [
        { folders, stages, scope: config.he.scope, declared, rounded },
    ]);
    /** Whether the ROIs that another rounding of the sliding window moves were segmented again. */
    async function resegment() {
        const { he } = stages;
        if (he === undefined || !config.ledger.full)
            return false;
        const { resegmentRounded } = inference(config.temporal);
        await resegmentRounded.executeWithOptions({ summary: 'tiles placed by the other rounding' }, [
            { ...he, folders, he: config.he, inference: config.inference },
        ]);
        return true;
    }
    /** The nuclei script's settings as declared; a reason where that cannot be measured. */
    async function redetect() {
        if (config.nuclei.model !== undefined)
            return { reason: 'The model is not the record’s.' };
        const { redetectNuclei } = inference(config.temporal);
        try {
            await redetectNuclei.executeWithOptions({ summary: 'nuclei with the declared settings' }, [
                { folders, inference: config.inference },
            ]);
            return {};
        }
        catch (error) {
            if (isCancellation(error))
                throw error;
            return { reason: nameFailure(error).cause };
        }
    }
}
