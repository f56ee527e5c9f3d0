import { storeCompliance } from './compliance.ts'
import { simulatedSubject, sqliteSubject } from './subjects.ts'

storeCompliance('the store on SQLite', sqliteSubject)
storeCompliance('the store on a simulated disk', simulatedSubject)
